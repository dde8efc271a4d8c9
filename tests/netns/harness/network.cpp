// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/network.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "tests/netns/harness/addresses.hpp"

namespace culvert::netns {

namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

void set_offload(int socket, const std::string& device, std::uint32_t command, bool on) {
    ethtool_value value{.cmd = command, .data = on ? 1U : 0U};
    ifreq request{};
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    if (ioctl(socket, SIOCETHTOOL, &request) < 0) fail("offloads of " + device);
}

/// Completes checksums before packets are sent, and puts VLAN tags into the frame (ETHTOOL_SFLAGS turns both VLAN
/// offloads off). GRO makes veth use NAPI.
void set_offloads(const Host& host, const std::vector<std::string>& devices) {
    host.within([&] {
        const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        for (const std::string& device : devices) {
            set_offload(socket.get(), device, ETHTOOL_STXCSUM, false);
            set_offload(socket.get(), device, ETHTOOL_SFLAGS, false);
            set_offload(socket.get(), device, ETHTOOL_SGRO, true);
        }
    });
}

/// Frames that XDP_TX sends into a veth wait until something else wakes the other end, unless that end has an XDP
/// program too (drivers/net/veth.c, veth_xdp_flush).
void let_everything_pass(const Host& host, const std::vector<std::string>& devices) {
    constexpr std::array<bpf_insn, 2> program{
        {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS}, {.code = BPF_JMP | BPF_EXIT}}};
    bpf_prog_load_opts options{};
    options.sz = sizeof options;
    options.prog_flags = BPF_F_XDP_HAS_FRAGS;  // otherwise the other end's MTU would be limited
    const FileDescriptor loaded(
        bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", program.data(), program.size(), &options));
    host.within([&] {
        for (const std::string& device : devices)
            if (const int error =
                    bpf_xdp_attach(static_cast<int>(if_nametoindex(device.c_str())), loaded.get(), 0, nullptr);
                error < 0)
                throw std::system_error(-error, std::generic_category(), "XDP on " + device);
    });
}

/// For `ip link`. Packets longer than the MTU, of any protocol, are segmented before they are sent. Arriving packets
/// are not merged before captures have seen them.
std::string end_of_cable(const std::string& device) { return device + " gso_max_segs 1 gro_max_size 1"; }

/// The kernel notices a carrier a little later. Only then does the device get its link-local address, and its other
/// addresses become usable.
bool is_up(const Host& host, const std::string& device) {
    bool link_local = false;
    for (const Inet6Address& one : inet6_addresses(host)) {
        if (one.device != device) continue;
        if (one.is_tentative) return false;
        link_local = link_local || one.digits.starts_with("fe80");
    }
    return link_local;
}

void wait_until_up(const Port& port) {
    if (!eventually([&] { return is_up(port.host, port.device); }))
        throw std::runtime_error(port.host.name() + ": " + port.device + " does not come up");
}

/// "10.0.0.1/24", to a device of the calling thread's host (rtnetlink(7)).
void add_address(const std::string& device, const std::string& address) {
    struct {
        nlmsghdr header;
        ifaddrmsg body;
        rtattr attribute;
        std::array<unsigned char, 16> address;
    } request{};
    const auto slash = address.find('/');
    const bool v6 = address.find(':') != std::string::npos;
    const std::size_t unused = v6 ? 0 : 12;
    request.header = {.nlmsg_len = static_cast<std::uint32_t>(sizeof request - unused),
                      .nlmsg_type = RTM_NEWADDR,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                      .nlmsg_seq = 1,
                      .nlmsg_pid = 0};
    request.body = {.ifa_family = static_cast<std::uint8_t>(v6 ? AF_INET6 : AF_INET),
                    .ifa_prefixlen = static_cast<std::uint8_t>(std::stoi(address.substr(slash + 1))),
                    .ifa_flags = 0,
                    .ifa_scope = RT_SCOPE_UNIVERSE,
                    .ifa_index = if_nametoindex(device.c_str())};
    request.attribute = {.rta_len = static_cast<std::uint16_t>(sizeof(rtattr) + request.address.size() - unused),
                         .rta_type = IFA_LOCAL};
    inet_pton(request.body.ifa_family, address.substr(0, slash).c_str(), request.address.data());
    struct {
        nlmsghdr header;
        nlmsgerr error;
    } answer{};
    const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (send(socket.get(), &request, request.header.nlmsg_len, 0) < 0 ||
        recv(socket.get(), &answer, sizeof answer, 0) < 0)
        fail("rtnetlink");
    errno = -answer.error.error;
    if (errno != 0) fail(address + " on " + device);
}

/// Gives an existing device its addresses, and sets it up.
void configure(const Port& port) {
    port.host.within([&] {
        for (const std::string& address : port.addresses) add_address(port.device, address);
        const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq request{};
        port.device.copy(request.ifr_name, IFNAMSIZ - 1);
        if (ioctl(socket.get(), SIOCGIFFLAGS, &request) < 0) fail("flags of " + port.device);
        request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
        if (ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) fail("flags of " + port.device);
    });
}

std::string port_of_switch(const Port& port) { return port.host.name() + "-" + port.device; }

}  // namespace

std::string mac_of(const Port& port) {
    std::array<unsigned char, 16> bytes{};
    for (const std::string& address : port.addresses) {
        const std::string host_part = address.substr(0, address.find('/'));
        if (inet_pton(AF_INET, host_part.c_str(), bytes.data() + 12) == 1) break;
        inet_pton(AF_INET6, host_part.c_str(), bytes.data());
    }
    return fmt::format("02:00:{:02x}:{:02x}:{:02x}:{:02x}", bytes[12], bytes[13], bytes[14], bytes[15]);
}

void connect(const Port& left, const Port& right) {
    left.host.ip(fmt::format("link add {} address {} type veth peer name {} address {} netns {}\n",
                             end_of_cable(left.device), mac_of(left), end_of_cable(right.device), mac_of(right),
                             right.host.namespace_path()));
    for (const Port* port : {&left, &right}) {
        set_offloads(port->host, {port->device});
        configure(*port);
    }
    wait_until_up(left);
    wait_until_up(right);
}

Switch::Switch(const std::string& name) : host_(name) {
    host_.ip("link add bridge type bridge mcast_snooping 0\nlink set bridge up\n");
}

/// The switch's end is ready before the host has its device: whether a veth takes redirected frames depends on the
/// program of the other end, and a balancer uses a device as soon as it is there.
void Switch::connect(const std::vector<Port>& ports) {
    std::string made;
    std::string moved;
    std::vector<std::string> devices;
    for (const Port& port : ports) {
        devices.push_back(port_of_switch(port));
        const std::string other_end = "end" + std::to_string(devices.size());
        made += fmt::format("link add {} up master bridge type veth peer name {} address {}\n",
                            end_of_cable(devices.back()), end_of_cable(other_end), mac_of(port));
        moved += fmt::format("link set {} netns {} name {}\n", other_end, port.host.namespace_path(), port.device);
    }
    host_.ip(made);
    set_offloads(host_, devices);
    let_everything_pass(host_, devices);
    host_.ip(moved);
    for (const Port& port : ports) {
        set_offloads(port.host, {port.device});
        configure(port);
    }
    for (const Port& port : ports) wait_until_up(port);
}

}  // namespace culvert::netns
