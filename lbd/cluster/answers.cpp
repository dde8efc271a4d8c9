// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/answers.hpp"

#include <algorithm>
#include <utility>

namespace culvert::lbd {

Lines Answers::next() {
    Answer& answer = waiting_.front();
    Lines part{.service = answer.service, .whole = 0, .first = answer.next == 0, .last = true, .lines = {}};
    if (answer.view) {
        const auto& lines = answer.view->lines;
        const auto from = lines.begin() + static_cast<std::ptrdiff_t>(answer.next);
        const auto size = std::min(most_lines, lines.size() - answer.next);
        part.whole = answer.view->whole;
        part.lines.assign(from, from + static_cast<std::ptrdiff_t>(size));
        answer.next += size;
        part.last = answer.next == lines.size();
    }
    if (part.last) waiting_.pop_front();
    return part;
}

}  // namespace culvert::lbd
