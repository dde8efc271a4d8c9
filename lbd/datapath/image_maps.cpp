// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/image_maps.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <variant>

#include "lb.skel.h"
#include "lbd/datapath/keys.hpp"
#include "lbd/datapath/prefix_filter.hpp"
#include "lbd/model/owners.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;

template <typename Key, typename PrefixKey>
Result<> enter_prefix(const bpf_map* trie, const Vip& vip) {
    const auto where = trie_key<PrefixKey>(vip);
    const auto what = program_key<Key>({.vip = vip});
    if (::bpf_map_update_elem(::bpf_map__fd(trie), &where, &what, BPF_ANY) < 0)
        return failure("add VIP", vip.to_string(), errno);
    return {};
}

/// False if the prefix is still there.
template <typename PrefixKey>
bool remove_prefix(const bpf_map* trie, const Vip& vip) {
    const auto where = trie_key<PrefixKey>(vip);
    return ::bpf_map_delete_elem(::bpf_map__fd(trie), &where) == 0 || errno == ENOENT;
}

template <typename Line>
Result<> edit_vips(VipHalves<Line>& halves, std::span<Line> map, std::uint32_t present, const SetVips& edit,
                   Family family) {
    using Key = typename VipHalves<Line>::Key;
    std::vector<Key> removed;
    std::vector<std::pair<Key, lb_service>> entered;
    for (const VipKey& key : edit.removed)
        if (key.vip.family() == family) removed.push_back(program_key<Key>(key));
    for (const auto& [key, service] : edit.entered)
        if (key.vip.family() == family) entered.emplace_back(program_key<Key>(key), service);
    if (!halves.edit(map, present, removed, entered)) return failure("add VIPs", "to their hash table", ENOSPC);
    return {};
}

template <typename Line>
void insert_vips(std::span<const Line> half, std::set<Vip>& vips) {
    for (const auto& [key, service] : vip_entries(half)) vips.insert(vip_key(key).vip);
}

/// Switches packets to the other half or slot.
void flip(std::uint32_t& index) {
    std::atomic_ref active(index);
    active.store(1 - (active.load(std::memory_order_relaxed) & 1), std::memory_order_release);
}

Result<> set_owner(const bpf_map* owners, std::uint32_t id, const lb_owner& owner) {
    if (::bpf_map_update_elem(::bpf_map__fd(owners), &id, &owner, BPF_ANY) < 0)
        return failure("store the owner of", fmt::format("id {}", id), errno);
    return {};
}

}  // namespace

/// What the edits have changed so far, and the owners before. It lists no tables, as no service refers to new ones.
struct ImageMaps::Done {
    struct Owned {
        std::uint32_t id;
        std::optional<lb_owner> before;
    };
    std::vector<Owned> owners;
    std::vector<std::uint32_t> dests;  // each id once
    bool vips = false;
};

Result<ImageMaps> ImageMaps::open(const lb_bpf& skeleton, const common::SlowCall& slow) {
    TRY(auto settler, Settler::open(slow));
    TRY(auto vips4, MappedArray<lb_vip4_line>::map(skeleton.maps.vips4));
    TRY(auto vips6, MappedArray<lb_vip6_line>::map(skeleton.maps.vips6));
    TRY(auto rings, MappedArray<lb_ring_line>::map(skeleton.maps.rings));
    TRY(auto transitions, MappedArray<lb_transition_line>::map(skeleton.maps.transitions));
    TRY(auto dests, MappedArray<lb_dest>::map(skeleton.maps.dests));
    ImageMaps maps(skeleton, std::move(settler),
                   {std::move(vips4), std::move(vips6), std::move(rings), std::move(transitions), std::move(dests)});
    maps.reread();
    maps.write_filters(skeleton.bss->vips_half & 1);
    return maps;
}

Result<Image> ImageMaps::read() const {
    CHECK_OK(settler_.settle());  // an earlier process may have ended in the middle of its edits
    Image image;
    const std::uint32_t half = skeleton_->bss->vips_half & 1;
    for (const auto& [key, service] : vip_entries<lb_vip4_line>(half_of(memory_.vips4.values(), half)))
        image.vips[vip_key(key)] = service;
    for (const auto& [key, service] : vip_entries<lb_vip6_line>(half_of(memory_.vips6.values(), half)))
        image.vips[vip_key(key)] = service;
    for (const auto& [key, service] : image.vips) {
        if (service.transition != 0)
            image.transitions[service.transition] = {.slots = transition(service.transition)[0].word[0], .because = {}};
        if (service.ring_size == 0) continue;
        Digest digest = 0;
        std::memcpy(&digest, memory_.rings.values()[service.ring + lines(service.ring_size) - 1].dest, sizeof digest);
        image.tables[digest] = {.line = service.ring, .ring = {.size = service.ring_size, .contenders = {}}};
    }
    Owners owners;
    const int fd = ::bpf_map__fd(skeleton_->maps.owners);
    std::uint32_t id = 0;
    for (bool more = ::bpf_map_get_next_key(fd, nullptr, &id) == 0; more;
         more = ::bpf_map_get_next_key(fd, &id, &id) == 0)
        if (::bpf_map_lookup_elem(fd, &id, &owners[id]) < 0) return failure("read", "the owners of ids", errno);
    for (const auto& [owned, owner] : owners) {
        const lb_dest& dest = memory_.dests.values()[owned];
        const lb_dest_body& body = dest.slot[dest.slot[0].active & 1].body;
        if (body.action != LB_ACTION_NONE) image.dests.emplace_hint(image.dests.end(), owned, body);
    }
    image.ids = ids_of(owners);
    return image;
}

void ImageMaps::reread() {
    vips4_ = {};
    vips6_ = {};
    prefixes_.clear();
    const auto read = [this](const bpf_map* trie, auto key) {
        const int fd = ::bpf_map__fd(trie);
        for (bool more = ::bpf_map_get_next_key(fd, nullptr, &key) == 0; more;
             more = ::bpf_map_get_next_key(fd, &key, &key) == 0)
            prefixes_.insert(vip(key));
    };
    read(skeleton_->maps.prefixes4, lb_prefix4{});
    read(skeleton_->maps.prefixes6, lb_prefix6{});
}

std::span<const std::uint16_t> ImageMaps::ring(std::uint32_t line, std::uint32_t size) const {
    return {memory_.rings.values()[line].dest, size};
}

TransitionLines ImageMaps::transition(std::uint32_t line) const { return memory_.transitions.values().subspan(line); }

Result<> ImageMaps::apply(const std::vector<Edit>& edits) {
    Done done;
    Result<> outcome;
    for (const Edit& edit : edits) {
        outcome = std::visit([&](const auto& one) { return run(one, done); }, edit);
        if (outcome) continue;
        take_back(done);
        break;
    }
    if (std::ranges::any_of(edits, [](const Edit& edit) { return std::holds_alternative<SetVips>(edit); }))
        remove_unused_prefixes();
    return outcome;
}

/// Undoes the edits. This cannot fail, as it needs no more room than was in use before.
void ImageMaps::take_back(const Done& done) {
    if (done.vips) flip(skeleton_->bss->vips_half);
    for (const std::uint32_t id : done.dests) flip(memory_.dests.values()[id].slot[0].active);
    (void)settler_.settle();
    for (const auto& [id, before] : done.owners | std::views::reverse)
        if (before)
            (void)set_owner(skeleton_->maps.owners, id, *before);
        else
            (void)::bpf_map_delete_elem(::bpf_map__fd(skeleton_->maps.owners), &id);
}

/// Remembers the present owner, if any, for take_back().
void ImageMaps::note_owner(std::uint32_t id, Done& done) const {
    lb_owner before{};
    const bool is_there = ::bpf_map_lookup_elem(::bpf_map__fd(skeleton_->maps.owners), &id, &before) == 0;
    done.owners.push_back({.id = id, .before = is_there ? std::optional(before) : std::nullopt});
}

Result<> ImageMaps::run(const SetOwner& edit, Done& done) {
    note_owner(edit.id, done);
    return set_owner(skeleton_->maps.owners, edit.id, edit.owner);
}

Result<> ImageMaps::run(const RemoveOwner& edit, Done& done) {
    note_owner(edit.id, done);
    (void)::bpf_map_delete_elem(::bpf_map__fd(skeleton_->maps.owners), &edit.id);
    return {};
}

Result<> ImageMaps::run(const SetDest& edit, Done& done) {
    lb_dest& dest = memory_.dests.values()[edit.id];
    dest.slot[1 - (dest.slot[0].active & 1)].body = edit.body;
    flip(dest.slot[0].active);
    done.dests.push_back(edit.id);
    return {};
}

Result<> ImageMaps::run(const WriteRing& edit, Done& /*done*/) {
    const auto rings = memory_.rings.values();
    std::memcpy(rings[edit.line].dest, edit.table.data(), edit.table.size() * sizeof edit.table[0]);
    const std::uint32_t last = edit.line + lines(static_cast<std::uint32_t>(edit.table.size())) - 1;
    std::memcpy(rings[last].dest, &edit.digest, sizeof edit.digest);
    return {};
}

Result<> ImageMaps::run(const WriteTransition& edit, Done& /*done*/) {
    write_slots(transition(edit.line), edit.slots);
    return {};
}

Result<> ImageMaps::run(const KeepTimes& edit, Done& /*done*/) {
    keep_times(transition(edit.from), transition(edit.to));
    return {};
}

Result<> ImageMaps::run(const SetVips& edit, Done& done) {
    const std::uint32_t present = skeleton_->bss->vips_half & 1;
    CHECK_OK(edit_vips(vips4_, memory_.vips4.values(), present, edit, Family::ipv4));
    CHECK_OK(edit_vips(vips6_, memory_.vips6.values(), present, edit, Family::ipv6));
    if (skeleton_->rodata->config.prefixes != 0) CHECK_OK(enter_prefixes(vips_of(1 - present)));
    write_filters(1 - present);
    flip(skeleton_->bss->vips_half);
    done.vips = true;
    return {};
}

Result<> ImageMaps::run(const Settle& /*edit*/, Done& /*done*/) { return settler_.settle(); }

std::set<Vip> ImageMaps::vips_of(std::uint32_t half) const {
    std::set<Vip> vips;
    insert_vips<lb_vip4_line>(half_of(memory_.vips4.values(), half), vips);
    insert_vips<lb_vip6_line>(half_of(memory_.vips6.values(), half), vips);
    return vips;
}

/// Where packets use this half, its filters are written as they are already, unless the program has just replaced one
/// that had none.
void ImageMaps::write_filters(std::uint32_t half) {
    std::vector<netlink::Prefix> networks4, networks6;
    for (const Vip& vip : vips_of(half))
        if (!vip.prefix.is_host()) (vip.family() == Family::ipv4 ? networks4 : networks6).push_back(vip.prefix);
    skeleton_->bss->filters4[half] = prefix_filter(networks4);
    skeleton_->bss->filters6[half] = prefix_filter(networks6);
}

/// Addresses are entered too, so that the longest match of an address is the address itself.
Result<> ImageMaps::enter_prefixes(const std::set<Vip>& wanted) {
    const auto& maps = skeleton_->maps;
    for (const Vip& vip : wanted) {
        if (prefixes_.contains(vip)) continue;
        CHECK_OK(vip.family() == Family::ipv4 ? (enter_prefix<lb_vip4, lb_prefix4>(maps.prefixes4, vip))
                                              : (enter_prefix<lb_vip6, lb_prefix6>(maps.prefixes6, vip)));
        prefixes_.insert(vip);
    }
    return {};
}

/// Removes prefixes that no VIP uses. If one cannot be removed, it does no harm, as no service has it; the next call
/// tries again.
void ImageMaps::remove_unused_prefixes() {
    if (skeleton_->rodata->config.prefixes == 0) return;
    const auto& maps = skeleton_->maps;
    const std::set<Vip> wanted = vips_of(skeleton_->bss->vips_half & 1);
    std::erase_if(prefixes_, [&](const Vip& vip) {
        if (wanted.contains(vip)) return false;
        return vip.family() == Family::ipv4 ? remove_prefix<lb_prefix4>(maps.prefixes4, vip)
                                            : remove_prefix<lb_prefix6>(maps.prefixes6, vip);
    });
}

}  // namespace culvert::lbd
