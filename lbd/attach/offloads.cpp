// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/offloads.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>

#include <nlohmann/json.hpp>

#include "lbd/files/list_file.hpp"
#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;
using Json = nlohmann::ordered_json;

/// Leaves out devices that disappear meanwhile.
FoundFeatures find(const std::vector<Offload>& offloads) {
    FoundFeatures found;
    for (const Offload& offload : offloads)
        if (auto features = netlink::features(offload.name)) found[offload.ifindex] = *std::move(features);
    return found;
}

/// [{"ifindex": …, "name": …, "on": […]}, …]
Result<Originals> read(const std::filesystem::path& path) {
    Originals originals;
    CHECK_OK(read_list(path, fmt::format(cure_of("offloads_unreadable"), path.string()), [&originals](const Json& one) {
        originals[one.at("ifindex").get<std::uint32_t>()] = {.name = one.at("name").get<std::string>(),
                                                             .on = one.at("on").get<std::set<std::string>>()};
    }));
    return originals;
}

Result<> write(const std::filesystem::path& path, const Originals& originals) {
    Json list = Json::array();
    for (const auto& [index, original] : originals)
        list.push_back({{"ifindex", index}, {"name", original.name}, {"on", original.on}});
    return write_list(path, list);
}

void turn_on(const std::string& device, const std::set<std::string>& features) {
    if (const auto on = netlink::set_features(device, features, true); on)
        spdlog::info("{}: {} turned on again", device, fmt::join(features, ", "));
    else
        spdlog::warn(on.error().message());
}

}  // namespace

Result<Offloads> Offloads::open(std::filesystem::path file) {
    TRY(auto originals, read(file));
    return Offloads(std::move(file), std::move(originals));
}

void Offloads::look(const std::vector<Attachment>& attached, const Links& ports, const Links& links) {
    Links others = ports;
    for (const Attachment& one : attached) others.erase(one.ifindex);
    before_ = find(offloads_in_the_way(expected_programs({}, others, XdpMode::generic), links));
}

Result<> Offloads::keep(Originals originals) {
    if (originals == originals_) return {};
    CHECK_OK(write(file_, originals));
    originals_ = std::move(originals);
    return {};
}

Result<> Offloads::follow(const std::vector<Attachment>& programs, const Links& links) {
    CHECK_OK(check_tags(programs, links));
    const auto in_the_way = offloads_in_the_way(programs, links);
    const OffloadPlan plan = plan_offloads(in_the_way, originals_, before_, find(in_the_way), links);
    before_.clear();
    // The file is written before the change and cleared after it, so that the next lbd can undo a change that was
    // interrupted.
    Originals both = originals_;
    for (const auto& [index, original] : plan.originals) {
        both[index].name = original.name;
        both[index].on.insert(original.on.begin(), original.on.end());
    }
    CHECK_OK(keep(std::move(both)));
    for (const Offload& off : plan.turn_off) {
        CHECK_OK(netlink::set_features(off.name, off.off, false));
        spdlog::info("{}: {} turned off, until lbd stop --detach: generic XDP needs packets as they were on the wire",
                     off.name, fmt::join(off.off, ", "));
    }
    for (const Offload& on : plan.turn_on) turn_on(on.name, on.off);
    CHECK_OK(keep(plan.originals));
    if (!plan.fixed.empty()) return tl::unexpected(cannot_be_turned_off(plan.fixed.front()));
    return {};
}

Result<> Offloads::restore() {
    for (const auto& [index, original] : originals_)
        if (std::array<char, IF_NAMESIZE> name{}; ::if_indextoname(index, name.data()) != nullptr)
            turn_on(name.data(), original.on);
    return keep({});
}

Result<> check_tags(const std::vector<Attachment>& programs, const Links& links) {
    for (const Attachment& program : programs) {
        const auto vlans = hidden_vlans(program, links);
        if (vlans.empty()) continue;
        const std::string names = fmt::format("{}", fmt::join(vlans, ", "));
        return failure("balance by generic XDP on", program.name, EOPNOTSUPP,
                       "the program does not see the VLAN tags of " + names + ", so frames would leave with two",
                       fmt::format(cure_of("tags_not_seen"), names, program.name));
    }
    return {};
}

Result<> check_tags(const Links& ports, XdpMode wanted, const Links& links) {
    return check_tags(expected_programs({}, ports, wanted), links);
}

std::filesystem::path offloads_file(std::filesystem::path socket) { return socket.replace_extension(".offloads.json"); }

}  // namespace culvert::lbd
