// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/comparison.hpp"

#include <utility>

namespace culvert::lbd {

void Comparison::take(const std::vector<ViewLine>& theirs) {
    const auto& lines = ours_->lines;
    for (const ViewLine& line : theirs) {
        while (next_ < lines.size() && lines[next_].key < line.key) put(&lines[next_++], nullptr);
        const bool both = next_ < lines.size() && lines[next_].key == line.key;
        const ViewLine* ours = both ? &lines[next_++] : nullptr;
        if (!both || ours->value != line.value) put(ours, &line);
    }
}

void Comparison::finish() {
    while (next_ < ours_->lines.size()) put(&ours_->lines[next_++], nullptr);
}

/// Of a backend that only one has, its address is enough; its other lines follow that one.
void Comparison::put(const ViewLine* ours, const ViewLine* theirs) {
    const std::string& key = ours != nullptr ? ours->key : theirs->key;
    if (ours == nullptr || theirs == nullptr) {
        const auto colon = key.rfind(": ");
        if (colon != std::string::npos && missing_.contains(key.substr(0, colon))) return;
        missing_.insert(key);
    }
    ++total_;
    if (found_.size() < most_kept)
        found_.push_back({.service = ours_->name,
                          .key = key,
                          .here = ours != nullptr ? ours->value : std::string(),
                          .there = theirs != nullptr ? theirs->value : std::string()});
}

}  // namespace culvert::lbd
