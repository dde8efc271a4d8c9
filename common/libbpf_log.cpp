// SPDX-License-Identifier: Apache-2.0
#include "common/libbpf_log.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace culvert::common {

namespace {

std::string& text() {
    static std::string kept;
    return kept;
}

int take(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    va_list measured;
    va_copy(measured, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, measured);
    va_end(measured);
    if (length <= 0) return 0;
    const std::size_t end = text().size();
    text().resize(end + static_cast<std::size_t>(length) + 1);
    std::vsnprintf(text().data() + end, static_cast<std::size_t>(length) + 1, format, arguments);
    text().pop_back();  // the terminator
    return length;
}

}  // namespace

LibbpfLog::LibbpfLog() {
    text().clear();
    ::libbpf_set_print(&take);
}

LibbpfLog::~LibbpfLog() { ::libbpf_set_print(nullptr); }

std::string LibbpfLog::tail() {
    constexpr int lines = 25;
    const std::string_view all = std::string_view(text()).substr(0, text().find_last_not_of('\n') + 1);
    std::size_t begin = all.size();
    for (int line = 0; line < lines && begin != 0 && begin != std::string_view::npos; ++line)
        begin = all.rfind('\n', begin - 1);
    return std::string(begin == std::string_view::npos ? all : all.substr(begin));
}

}  // namespace culvert::common
