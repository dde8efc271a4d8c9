// SPDX-License-Identifier: Apache-2.0
#include "netlink/neighbour.hpp"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

namespace culvert::netlink {

namespace {

Message neighbour_message(int type, int flags, const Neighbour& neighbour) {
    Message message(type, flags,
                    ndmsg{.ndm_family = static_cast<std::uint8_t>(af(neighbour.address.family())),
                          .ndm_ifindex = static_cast<int>(neighbour.link)});
    message.address(NDA_DST, neighbour.address);
    if (neighbour.managed) message.u32(NDA_FLAGS_EXT, NTF_EXT_MANAGED);
    return message;
}

std::string describe(std::uint32_t link, const IpAddress& address) {
    return fmt::format("{} on link {}", address.to_string(), link);
}

}  // namespace

bool Neighbour::is_usable() const {
    constexpr int usable = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE;
    return mac && (state & usable) != 0;
}

std::optional<Neighbour> decode_neighbour(Bytes message) {
    const auto parsed = parse<ndmsg>(message);
    if (!parsed) return std::nullopt;
    const auto& [envelope, header, attributes] = *parsed;
    if (envelope.nlmsg_type != RTM_NEWNEIGH && envelope.nlmsg_type != RTM_DELNEIGH) return std::nullopt;
    const auto address = attributes.address(NDA_DST);
    if (!address || family_from_af(header.ndm_family) != address->family()) return std::nullopt;
    return Neighbour{
        .address = *address,
        .link = static_cast<std::uint32_t>(header.ndm_ifindex),
        .mac = attributes.mac(NDA_LLADDR),
        .state = header.ndm_state,
        .flags = header.ndm_flags,
        .managed = (attributes.u32(NDA_FLAGS_EXT).value_or(0) & NTF_EXT_MANAGED) != 0,
    };
}

Result<std::vector<Neighbour>> Neighbours::dump(const Filter& filter) {
    const auto family = static_cast<std::uint8_t>(filter.family ? af(*filter.family) : AF_UNSPEC);
    const auto flags = static_cast<std::uint8_t>(filter.proxies ? NTF_PROXY : 0);
    Message message(RTM_GETNEIGH, 0, ndmsg{.ndm_family = family, .ndm_flags = flags});
    if (filter.link != 0) message.u32(NDA_IFINDEX, filter.link);
    return socket_->dump(std::move(message), "list neighbours", decode_neighbour);
}

Result<> Neighbours::manage(std::uint32_t link, const IpAddress& address) {
    const Neighbour wanted{.address = address, .link = link, .managed = true};
    return socket_->request(neighbour_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, wanted), "manage neighbour",
                            describe(link, address));
}

Result<> Neighbours::remove(std::uint32_t link, const IpAddress& address) {
    const Neighbour unwanted{.address = address, .link = link};
    return socket_->request(neighbour_message(RTM_DELNEIGH, 0, unwanted), "remove neighbour", describe(link, address));
}

}  // namespace culvert::netlink
