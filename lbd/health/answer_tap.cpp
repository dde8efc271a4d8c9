// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/answer_tap.hpp"

#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "common/libbpf_log.hpp"
#include "netlink/attributes.hpp"
#include "netlink/links.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {
namespace {

using common::LibbpfLog;
using netlink::failure;
using netlink::Result;

/// Priority and handle identify our filter among others on an interface; nobody else is likely to use these numbers.
/// The handle also tells a later process whether lbd made the clsact qdisc.
constexpr std::uint32_t handle_in_own_qdisc = 0x6375;
constexpr std::uint32_t handle_in_others_qdisc = 0x6376;

bpf_tc_hook hook_of(std::uint32_t ifindex, int where) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = static_cast<int>(ifindex);
    hook.attach_point = static_cast<bpf_tc_attach_point>(where);
    return hook;
}

bpf_tc_opts filter_of(std::uint32_t handle) {
    bpf_tc_opts filter{};
    filter.sz = sizeof filter;
    filter.handle = handle;
    filter.priority = answer_priority;
    return filter;
}

/// The priorities of the filters at one hook of the interface's clsact qdisc.
Result<std::vector<std::uint32_t>> priorities(std::uint32_t ifindex, std::uint32_t hook) {
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    const tcmsg filters_there{.tcm_ifindex = static_cast<int>(ifindex), .tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook)};
    return socket.dump(netlink::Message(RTM_GETTFILTER, 0, filters_there), "list filters",
                       [](netlink::Bytes message) -> std::optional<std::uint32_t> {
                           const auto parsed = netlink::parse<tcmsg>(message);
                           return parsed ? std::optional(parsed->header.tcm_info >> 16) : std::nullopt;
                       });
}

Result<bool> has_filters(std::uint32_t ifindex) {
    TRY(const auto ingress, priorities(ifindex, TC_H_MIN_INGRESS));
    TRY(const auto egress, priorities(ifindex, TC_H_MIN_EGRESS));
    return !ingress.empty() || !egress.empty();
}

/// False if there was none.
bool remove(std::uint32_t ifindex, std::uint32_t handle) {
    const LibbpfLog log;
    const bpf_tc_hook ingress = hook_of(ifindex, BPF_TC_INGRESS);
    const bpf_tc_opts filter = filter_of(handle);
    if (::bpf_tc_detach(&ingress, &filter) < 0) return false;
    if (handle == handle_in_own_qdisc && !has_filters(ifindex).value_or(true)) {
        bpf_tc_hook qdisc = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
        ::bpf_tc_hook_destroy(&qdisc);
    }
    return true;
}

}  // namespace

AnswerTap::AnswerTap(std::uint32_t ifindex) : ifindex_(ifindex), handle_(handle_in_others_qdisc) {}

bool AnswerTap::is_attached() const {
    const LibbpfLog log;
    const bpf_tc_hook ingress = hook_of(ifindex_, BPF_TC_INGRESS);
    bpf_tc_opts present = filter_of(handle_);
    return ::bpf_tc_query(&ingress, &present) == 0;
}

Result<> AnswerTap::attach(int program, const std::string& name) {
    if (!is_attached()) return add(program, name);
    const LibbpfLog log;
    const bpf_tc_hook ingress = hook_of(ifindex_, BPF_TC_INGRESS);
    bpf_tc_opts filter = filter_of(handle_);
    filter.prog_fd = program;
    filter.flags = BPF_TC_F_REPLACE;
    if (::bpf_tc_attach(&ingress, &filter) == 0) return {};
    (void)remove(ifindex_, handle_);
    return add(program, name);
}

/// A qdisc of lbd's stays lbd's when somebody has removed only the filter.
Result<> AnswerTap::add(int program, const std::string& name) {
    const LibbpfLog log;
    bpf_tc_hook ingress = hook_of(ifindex_, BPF_TC_INGRESS);
    const int made = ::bpf_tc_hook_create(&ingress);
    if (made < 0 && made != -EEXIST) return failure("create clsact qdisc on", name, -made, LibbpfLog::tail());
    if (made == 0) handle_ = handle_in_own_qdisc;
    bpf_tc_opts filter = filter_of(handle_);
    filter.prog_fd = program;
    if (const int error = ::bpf_tc_attach(&ingress, &filter); error < 0)
        return failure("attach filter to ingress of", name, -error, LibbpfLog::tail());
    return {};
}

AnswerTap::AnswerTap(AnswerTap&& other) noexcept : ifindex_(std::exchange(other.ifindex_, 0)), handle_(other.handle_) {}

AnswerTap& AnswerTap::operator=(AnswerTap&& other) noexcept {
    std::swap(ifindex_, other.ifindex_);
    std::swap(handle_, other.handle_);
    return *this;
}

AnswerTap::~AnswerTap() {
    if (ifindex_ != 0) (void)remove(ifindex_, handle_);
}

Result<std::optional<std::uint32_t>> earlier_priority(std::uint32_t ifindex) {
    TRY(const auto all, priorities(ifindex, TC_H_MIN_INGRESS));
    const auto first = std::ranges::min_element(all);
    return first != all.end() && *first < answer_priority ? std::optional(*first) : std::nullopt;
}

Result<> remove_answer_taps() {
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    TRY(const auto links, netlink::Links(socket).dump());
    for (const auto& link : links)
        (void)(remove(link.index, handle_in_own_qdisc) || remove(link.index, handle_in_others_qdisc));
    return {};
}

}  // namespace culvert::lbd
