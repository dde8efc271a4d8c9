// SPDX-License-Identifier: Apache-2.0
#include "lbd/encap/encap.hpp"

#include <cassert>
#include <utility>

namespace culvert::lbd {
namespace {

template <std::size_t... Index>
Encap find(common::EncapKind kind, std::index_sequence<Index...> /*alternatives*/) {
    Encap found;
    const bool is_there =
        ((std::variant_alternative_t<Index, Encap>::kind == kind && (found.emplace<Index>(), true)) || ...);
    assert(is_there);
    (void)is_there;
    return found;
}

}  // namespace

Encap encap_of(common::EncapKind kind) { return find(kind, std::make_index_sequence<std::variant_size_v<Encap>>()); }

common::EncapKind kind_of(const Encap& encap) {
    return std::visit([](const auto& of) { return of.kind; }, encap);
}

bool is_tunnel(const Encap& encap) {
    return !std::holds_alternative<L2>(encap) && !std::holds_alternative<L3dsr>(encap);
}

std::uint16_t udp_port(const Encap& encap) {
    return std::visit(
        [](const auto& of) -> std::uint16_t {
            if constexpr (requires { of.port; })
                return of.port;
            else
                return 0;
        },
        encap);
}

}  // namespace culvert::lbd
