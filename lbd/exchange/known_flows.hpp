// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lbd/datapath/flow_moves.hpp"
#include "lbd/model/choice.hpp"

namespace culvert::lbd {

/// What other balancers know of the entries of the flow table, by place. It outlives an entry that the flow replaces,
/// so it tells a flow that has left its backend from one that begins.
class KnownFlows {
  public:
    /// The part of the flow table that packets use, and the buckets of all of it. Call before anything else. True if
    /// entries have moved: keep() each of them.
    [[nodiscard]] bool follow(FlowPart part, std::size_t capacity);
    /// What is known of an entry that may have moved stays known.
    void keep(std::size_t place, std::uint64_t entry);
    /// All entries were kept.
    void has_followed() { former_ = {}; }

    /// An entry that is new, leads elsewhere, or was used since the last time was told, if that is `refresh` units old.
    [[nodiscard]] bool is_news(std::size_t place, std::uint64_t entry, std::uint16_t now, std::uint16_t refresh) const;
    /// Whether the peers know some entry of its flow.
    [[nodiscard]] bool is_known(std::size_t place, std::uint64_t entry) const { return find(place, entry).entry != 0; }
    /// When the flow came to this backend. If nobody knows yet, that is now.
    [[nodiscard]] Choice choice(std::size_t place, std::uint64_t entry) const;
    /// Whether the entry is what a peer has told, and no packet of the flow has come here since.
    [[nodiscard]] bool is_heard(std::size_t place, std::uint64_t entry) const;
    /// Likewise, and that peer is still there.
    [[nodiscard]] bool is_others(std::size_t place, std::uint64_t entry) const;

    /// Returns its choice.
    Choice told(std::size_t place, std::uint64_t entry);
    void heard(std::size_t place, std::uint64_t entry, Choice choice);
    /// A peer has told of the same backend.
    void agreed(std::size_t place, std::uint64_t entry, Choice choice);
    /// Some peer does not know it.
    void tell_again(std::size_t place, std::uint64_t entry);
    void tell_all_again();
    /// A peer is gone: who knows what it has told?
    void forget_peers();

  private:
    enum Flag : std::uint8_t { is_told_ = 1 << 0, is_heard_ = 1 << 1, is_others_ = 1 << 2 };
    struct Known {
        std::uint64_t entry = 0;  // as the peers know it
        Choice choice;
        std::uint8_t flags = 0;
    };
    struct Table {
        FlowPart part;
        std::size_t capacity = 0;
        std::vector<std::uint64_t> entries;
        std::vector<Choice> choices;
        std::vector<std::uint8_t> flags;

        [[nodiscard]] bool empty() const { return entries.empty(); }
        [[nodiscard]] Known at(std::size_t place) const { return {entries[place], choices[place], flags[place]}; }
        void set(std::size_t place, const Known& known);
        /// Where a bucket has the flow of an entry. `place`: where to look first.
        [[nodiscard]] std::optional<std::size_t> find(std::size_t place, std::uint64_t entry) const;
    };

    [[nodiscard]] Known find(std::size_t place, std::uint64_t entry) const;
    void set(std::size_t place, const Known& known);

    Table present_, former_;  // former_: before the entries have moved
};

}  // namespace culvert::lbd
