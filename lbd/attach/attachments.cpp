// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/attachments.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "lbd/attach/log.hpp"
#include "lbd/attach/plan.hpp"

namespace culvert::lbd {
namespace {

using netlink::Error;
using netlink::Result;

constexpr auto tried_again_after = std::chrono::seconds(10);

bool has(const std::vector<Attachment>& list, std::uint32_t ifindex) {
    return std::ranges::find(list, ifindex, &Attachment::ifindex) != list.end();
}

/// Compares all but what an attempt to attach changes.
bool is_as_it_was(const netlink::Link& link, netlink::Link was) {
    was.xdp = link.xdp;
    return link == was;
}

}  // namespace

Result<std::vector<Seen>> Attachments::see(const Ports& ports) const {
    TRY(auto look, Look::open(pins_));
    return look.at(ports);
}

Result<Attachments::Prepared> Attachments::prepare(const Ports& ports, XdpMode mode) const {
    TRY(auto look, Look::open(pins_));
    TRY(const auto found, look.judge(ports, 0));
    PortsPlan plan = plan_ports(found, mode);
    if (!plan.refused.empty()) return tl::unexpected(std::move(plan.refused.front()));
    return Prepared{.ports = ports, .mode = mode};
}

Result<> Attachments::commit(Datapath& program, const Prepared& prepared) {
    TRY(const auto before, see(prepared.ports));
    TRY(Brought brought, bring(pins_, program, prepared.ports, prepared.mode, {}));
    if (!brought.refused.empty()) {
        undo(program, before, brought);
        return tl::unexpected(std::move(brought.refused.front()));
    }
    // So that tell() reports none as new that the configuration names now, and none as gone that it no longer names.
    brought.put.clear();
    std::erase_if(list_, [&](const Attachment& one) { return !prepared.ports.contains(one.ifindex); });
    tell(brought, prepared.ports);
    return detach_from_others(program);
}

/// Restores where and in which mode the program ran. It need not be the same program, as both share their maps.
void Attachments::undo(Datapath& program, const std::vector<Seen>& before, const Brought& brought) const {
    for (const Attachment& one : brought.attached) {
        const auto was = std::ranges::find(before, one.ifindex, [](const Seen& seen) { return seen.link.index; });
        if (was == before.end() || was->mode != one.mode) (void)program.detach(pins_, one.ifindex);
    }
    for (const auto& [link, mode, id] : before)
        if (mode && !pins_.link(link.index)) (void)program.attach(pins_, link.index, link.name, *mode);
}

Result<> Attachments::exchange(Datapath& next, Datapath& former, const Ports& ports, XdpMode mode) {
    if (list_.empty()) return {};
    TRY(Brought brought, bring(pins_, next, ports, mode, {}));
    // A port that refuses what it has just run also stays with the former program.
    const auto refused = std::ranges::find_if(brought.refused, [this](const Error& error) {
        return std::ranges::find(list_, error.object, &Attachment::name) != list_.end();
    });
    if (!brought.stuck && refused != brought.refused.end()) brought.stuck = std::move(*refused);
    if (brought.stuck) {
        for (const auto& [index, name, its_mode] : list_) (void)former.attach(pins_, index, name, its_mode);
        return tl::unexpected(*std::move(brought.stuck));
    }
    tell(brought, ports);
    return {};
}

Result<bool> Attachments::follow(Datapath& program, const Ports& ports, XdpMode mode) {
    TRY(AllFailed failed, still_failed(ports));
    TRY(const Brought brought, bring(pins_, program, ports, mode, std::move(failed)));
    for (const Attachment& one : list_)
        if (!has(brought.attached, one.ifindex)) program.forget_port(one.ifindex);
    const bool changed = brought.attached != list_ || !brought.put.empty();
    tell(brought, ports);
    if (changed) CHECK_OK(detach_from_others(program));
    return changed;
}

Result<AllFailed> Attachments::still_failed(const Ports& ports) const {
    if (failed_.empty()) return AllFailed{};
    TRY(const auto now, see(ports));
    AllFailed failed = failed_;
    std::erase_if(failed, [&](const auto& one) {
        const auto& [index, before] = one;
        const auto seen = std::ranges::find(now, index, [](const Seen& port) { return port.link.index; });
        return seen == now.end() || !is_as_it_was(seen->link, before.link) ||
               std::chrono::steady_clock::now() - before.at > tried_again_after;
    });
    return failed;
}

Result<> Attachments::detach_from_others(Datapath& program) const {
    for (const PinnedLink& link : pins_.links())
        if (!has(list_, link.ifindex)) CHECK_OK(program.detach(link));
    return {};
}

void Attachments::complain(const Error& error) {
    const std::string text = error.message();
    if (std::exchange(complaints_[error.object], text) != text) spdlog::error(text);
}

/// Logs each change once. The kernel may no longer know a port before its event has been read.
void Attachments::tell(const Brought& brought, const Ports& ports) {
    for (const Attachment& one : list_)
        if (!ports.contains(one.ifindex) || std::ranges::count(brought.gone, one.ifindex) > 0)
            spdlog::warn("interface " + one.name + " is gone: packets that would leave by it are dropped");
    for (const Error& error : brought.refused) complain(error);
    for (const auto& [ifindex, name, mode] : brought.attached) {
        if (std::ranges::find(brought.put, ifindex) == brought.put.end()) continue;
        if (has(list_, ifindex) || complaints_.contains(name))
            spdlog::warn("interface " + name + " had lost the XDP program: balancing on it again");
        else
            spdlog::info("interface " + name + " exists now: balancing on it");
    }
    std::erase_if(complaints_, [&](const auto& complaint) {
        return std::ranges::find(brought.refused, complaint.first, &Error::object) == brought.refused.end();
    });
    const std::string why = brought.why ? brought.why->message() : "";
    if (std::exchange(why_, why) != why && brought.why) log_generic(*brought.why, brought.attached.size());
    failed_ = brought.failed;
    list_ = brought.attached;
}

}  // namespace culvert::lbd
