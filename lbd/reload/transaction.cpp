// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/transaction.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace culvert::lbd {
namespace {

using netlink::Error;
using netlink::Result;

Result<> call(const std::function<Result<>()>& function) { return function ? function() : Result<>{}; }

void add(Error& error, const std::string& text) {
    if (!error.kernel.empty()) error.kernel += "; ";
    error.kernel += text;
}

/// Undoes the steps before `end`. If one cannot be undone, the others still are.
Error undo(const std::vector<Step>& steps, std::size_t end, Error error) {
    bool all = true;
    while (end-- > 0) {
        const auto undone = call(steps[end].undo);
        if (undone) continue;
        all = false;
        add(error, "and this could not be undone: " + undone.error().message());
    }
    if (all) add(error, "nothing has changed");
    return error;
}

}  // namespace

Result<> prepare(const std::vector<Step>& steps) {
    for (const Step& step : steps) CHECK_OK(call(step.prepare));
    return {};
}

Result<> run(const std::vector<Step>& steps) {
    CHECK_OK(prepare(steps));
    for (std::size_t i = 0; i < steps.size(); ++i)
        if (auto done = call(steps[i].commit); !done) return tl::unexpected(undo(steps, i, std::move(done.error())));
    return {};
}

}  // namespace culvert::lbd
