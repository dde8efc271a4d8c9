// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sstream>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {

std::vector<Paragraph> paragraphs(const std::string& intro) {
    constexpr std::string_view indent = "  ";
    std::vector<Paragraph> all;
    std::istringstream lines(intro);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(indent)) {
            const auto end = line.find(indent, indent.size());
            const auto rest = line.find_first_not_of(' ', end);
            all.push_back(
                {fmt::format("{}: {}", line.substr(indent.size(), end - indent.size()), line.substr(rest)), true});
        } else if (all.empty() || all.back().is_element) {
            all.push_back({line});
        } else {
            all.back().text += ' ' + line;
        }
    }
    return all;
}

std::vector<Page> all_pages(const std::string& source) {
    return {
        configuration_page(source, "lbd.yaml"),
        configuration_page(source, "realserver.yaml"),
        lbd_commands(),
        realserver_commands(),
        lbd_findings(),
        realserver_findings(),
        lbd_drop_reasons(),
        realserver_drop_reasons(),
        lbd_metrics(),
        lbd_log_events(),
        realserver_log_events(),
        lbd_json(),
        realserver_json(),
    };
}

}  // namespace culvert::reference
