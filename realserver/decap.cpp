// SPDX-License-Identifier: Apache-2.0
#include "realserver/decap.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "bpf/decap_abi.h"
#include "common/fd.hpp"
#include "common/libbpf_log.hpp"
#include "decap.skel.h"

namespace culvert::realserver {

namespace {

namespace fs = std::filesystem;
using common::EncapKind;
using common::Fd;
using common::LibbpfLog;
using netlink::failure;
using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;
using netlink::Result;

constexpr const char* bpffs = "/sys/fs/bpf";
/// Of the pins: the map of the settings that the program was loaded with, and the link.
constexpr const char* config_pin = "config";
constexpr const char* link_pin = "link";
/// What replaces a pin is pinned with this behind its name first.
constexpr const char* next = "_next";

struct Unload {
    void operator()(decap_bpf* skeleton) const { decap_bpf::destroy(skeleton); }
};
using Skeleton = std::unique_ptr<decap_bpf, Unload>;

std::string privilege(int code) {
    return code == EPERM || code == EACCES ? "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" : "";
}

// ---- Values as the program has them, and back -----------------------------------------------------------------------

std::size_t index(Family family) { return family == Family::ipv6 ? 1 : 0; }
Family family(std::size_t index) { return index == 0 ? Family::ipv4 : Family::ipv6; }

decap_address mapped(const IpAddress& address) {
    decap_address result{};
    if (address.is_v4()) result.word_be[2] = htonl(0xffff);
    std::memcpy(&result.word_be[address.is_v4() ? 3 : 0], address.bytes().data(), address.bytes().size());
    return result;
}

IpAddress unmapped(const decap_address& address) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &address, bytes.size());
    const std::span<const std::uint8_t> all(bytes);
    const bool is_v4 = address.word_be[0] == 0 && address.word_be[1] == 0 && address.word_be[2] == htonl(0xffff);
    return *IpAddress::from_bytes(is_v4 ? all.subspan(12) : all);
}

constexpr std::uint8_t mapped_bits = 96;

decap_prefix mapped(const Prefix& prefix) {
    const Prefix network = prefix.network();
    return {.length = network.length + (network.address.is_v4() ? mapped_bits : 0U),
            .address = mapped(network.address)};
}

Prefix unmapped(const decap_prefix& prefix) {
    const IpAddress address = unmapped(prefix.address);
    return {address, static_cast<std::uint8_t>(prefix.length - (address.is_v4() ? mapped_bits : 0U))};
}

std::uint8_t bits(const std::set<Family>& inner) {
    return static_cast<std::uint8_t>((inner.contains(Family::ipv4) ? DECAP_INNER4 : 0) |
                                     (inner.contains(Family::ipv6) ? DECAP_INNER6 : 0));
}

std::set<Family> families(std::uint8_t bits) {
    std::set<Family> result;
    if ((bits & DECAP_INNER4) != 0) result.insert(Family::ipv4);
    if ((bits & DECAP_INNER6) != 0) result.insert(Family::ipv6);
    return result;
}

constexpr std::array inner_bits{std::pair{Inner::ipv4, DECAP_INNER4}, std::pair{Inner::ipv6, DECAP_INNER6},
                                std::pair{Inner::gre, DECAP_INNER_GRE}};
constexpr std::array udp_kinds{std::pair{EncapKind::fou, DECAP_FOU}, std::pair{EncapKind::gue, DECAP_GUE},
                               std::pair{EncapKind::geneve, DECAP_GENEVE}};

decap_tunnel to_tunnel(const DecapPort& port) {
    decap_tunnel result{};
    for (const auto& [encap, kind] : udp_kinds)
        if (port.encap == encap) result.kind = kind;
    for (const auto& [inner, bit] : inner_bits)
        if (port.inner.contains(inner)) result.inner |= static_cast<std::uint8_t>(bit);
    result.peer_port_be = htons(port.peer_port);
    if (port.local) result.local = mapped(*port.local);
    if (port.peer) result.peer = mapped(*port.peer);
    return result;
}

DecapPort to_port(const decap_tunnel& tunnel) {
    DecapPort result;
    for (const auto& [encap, kind] : udp_kinds)
        if (tunnel.kind == kind) result.encap = encap;
    for (const auto& [inner, bit] : inner_bits)
        if ((tunnel.inner & bit) != 0) result.inner.insert(inner);
    result.peer_port = ntohs(tunnel.peer_port_be);
    const auto address = [](const decap_address& one) -> std::optional<IpAddress> {
        const IpAddress found = unmapped(one);
        return found == IpAddress::any(Family::ipv6) ? std::nullopt : std::optional(found);
    };
    result.local = address(tunnel.local);
    result.peer = address(tunnel.peer);
    return result;
}

/// What the program is compiled to.
decap_config to_config(const DecapProgram& program) {
    decap_config config{};
    config.version = DECAP_ABI_VERSION;
    for (const auto& [outer, inner] : program.ipip) config.ipip[index(outer)] = bits(inner);
    for (const auto& [outer, inner] : program.gre) config.gre[index(outer)] = bits(inner);
    for (const auto& [key, port] : program.ports) {
        config.udp[index(key.second)] = 1;
        config.fou |= port.encap == EncapKind::fou;
        config.gue |= port.encap == EncapKind::gue;
        config.geneve |= port.encap == EncapKind::geneve;
        config.udp_gre |= port.inner.contains(Inner::gre);
    }
    return config;
}

// ---- Maps -----------------------------------------------------------------------------------------------------------

template <typename Key, typename Value>
Result<> enter(const bpf_map* map, const Key& key, const Value& value) {
    if (::bpf_map_update_elem(::bpf_map__fd(map), &key, &value, BPF_ANY) < 0)
        return failure("fill BPF map", ::bpf_map__name(map), errno);
    return {};
}

Result<> fill(const decap_bpf& skeleton, const DecapProgram& program) {
    constexpr std::uint32_t present = 1;
    for (const Prefix& balancer : program.balancers)
        CHECK_OK(enter(skeleton.maps.balancers, mapped(balancer), present));
    for (const Prefix& vip : program.vips) CHECK_OK(enter(skeleton.maps.vips, mapped(vip), present));
    for (const IpAddress& address : program.own) CHECK_OK(enter(skeleton.maps.own, mapped(address), present));
    for (const auto& [key, port] : program.ports) {
        const decap_port its_key{.port_be = htons(key.first), .outer6 = static_cast<std::uint8_t>(index(key.second))};
        CHECK_OK(enter(skeleton.maps.tunnels, its_key, to_tunnel(port)));
        for (const std::uint32_t vni : port.vnis)
            CHECK_OK(enter(skeleton.maps.networks, decap_network{.port = its_key, .vni = vni}, present));
    }
    return {};
}

void size_maps(const decap_bpf& skeleton, const DecapProgram& program) {
    const auto size = [](bpf_map* map, std::size_t entries) {
        ::bpf_map__set_max_entries(map, static_cast<std::uint32_t>(std::max<std::size_t>(entries, 1)));
    };
    std::size_t networks = 0;
    for (const auto& [key, port] : program.ports) networks += port.vnis.size();
    size(skeleton.maps.balancers, program.balancers.size());
    size(skeleton.maps.vips, program.vips.size());
    size(skeleton.maps.own, program.own.size());
    size(skeleton.maps.tunnels, program.ports.size());
    size(skeleton.maps.networks, networks);
}

/// A pinned map; not open if there is none with keys and values of these sizes.
Fd open_map(const std::string& path, std::size_t key_size, std::size_t value_size) {
    Fd map(::bpf_obj_get(path.c_str()));
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    if (!map.is_open() || ::bpf_obj_get_info_by_fd(map.get(), &info, &size) < 0 || info.key_size != key_size ||
        info.value_size != value_size)
        return Fd();
    return map;
}

/// Calls `take(key, value)` for what is in a pinned map; false if it is none of this version's.
template <typename Key, typename Value, typename Take>
bool read_map(const std::string& path, Take take) {
    const Fd map = open_map(path, sizeof(Key), sizeof(Value));
    if (!map.is_open()) return false;
    Key key{};
    Value value{};
    for (const Key* previous = nullptr; ::bpf_map_get_next_key(map.get(), previous, &key) == 0; previous = &key)
        if (::bpf_map_lookup_elem(map.get(), &key, &value) == 0) take(key, value);
    return true;
}

/// What the pinned maps hold; empty if they are of another version.
DecapProgram read_program(const std::string& directory) {
    DecapProgram program;
    bool known = false;
    bool whole =
        read_map<std::uint32_t, decap_config>(directory + config_pin, [&](std::uint32_t, const decap_config& config) {
            known = config.version == DECAP_ABI_VERSION;
            for (const std::size_t outer : {0U, 1U}) {
                if (config.ipip[outer] != 0) program.ipip[family(outer)] = families(config.ipip[outer]);
                if (config.gre[outer] != 0) program.gre[family(outer)] = families(config.gre[outer]);
            }
        });
    const auto place = [](const decap_port& key) { return std::pair{ntohs(key.port_be), family(key.outer6)}; };
    whole &= read_map<decap_port, decap_tunnel>(
        directory + "tunnels",
        [&](const decap_port& key, const decap_tunnel& tunnel) { program.ports[place(key)] = to_port(tunnel); });
    whole &=
        read_map<decap_network, std::uint32_t>(directory + "networks", [&](const decap_network& key, std::uint32_t) {
            if (const auto port = program.ports.find(place(key.port)); port != program.ports.end())
                port->second.vnis.insert(key.vni);
        });
    whole &= read_map<decap_prefix, std::uint32_t>(
        directory + "balancers",
        [&](const decap_prefix& key, std::uint32_t) { program.balancers.insert(unmapped(key)); });
    whole &= read_map<decap_prefix, std::uint32_t>(
        directory + "vips", [&](const decap_prefix& key, std::uint32_t) { program.vips.insert(unmapped(key)); });
    whole &= read_map<decap_address, std::uint32_t>(
        directory + "own", [&](const decap_address& key, std::uint32_t) { program.own.insert(unmapped(key)); });
    return whole && known ? program : DecapProgram{};
}

/// A pinned counter of each CPU's, summed by `add(value)`.
template <typename Value, typename Add>
Result<> sum(const Fd& map, std::uint32_t key, Add add) {
    std::vector<Value> values(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
    if (::bpf_map_lookup_elem(map.get(), &key, values.data()) < 0) return failure("read", "counters of XDP", errno);
    for (const Value& value : values) add(value);
    return {};
}

// ---- Links and pins -------------------------------------------------------------------------------------------------

struct LinkInfo {
    Fd fd;
    std::uint32_t program = 0;
    std::uint32_t ifindex = 0;  ///< 0: its device is gone
};

std::optional<LinkInfo> open_link(const std::string& directory) {
    LinkInfo link{.fd = Fd(::bpf_obj_get((directory + link_pin).c_str()))};
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (!link.fd.is_open() || ::bpf_obj_get_info_by_fd(link.fd.get(), &info, &size) < 0) return std::nullopt;
    link.program = info.prog_id;
    link.ifindex = info.xdp.ifindex;
    return link;
}

Result<> mount_bpffs() {
    struct statfs status {};
    if (::statfs(bpffs, &status) == 0 && status.f_type == BPF_FS_MAGIC) return {};
    if (::mount("bpf", bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return failure("mount", bpffs, errno, "XDP programs are kept there",
                       errno == EPERM ? "as root: mount -t bpf bpf /sys/fs/bpf" : "");
    return {};
}

/// Takes away what programs of devices that are no more have left behind, in this namespace and others.
void sweep() {
    std::error_code error;
    for (const auto& home : fs::directory_iterator(fs::path(bpffs) / "culvert/realserver", error)) {
        for (const auto& program : fs::directory_iterator(home, error)) {
            const auto link = open_link(program.path().string() + "/");
            if (link && link->ifindex == 0) fs::remove_all(program, error);
        }
        fs::remove(home, error);  // if it is empty now
    }
}

using Pins = std::vector<std::pair<const bpf_map*, std::string>>;  // with the path

Pins pins(const decap_bpf& skeleton, const std::string& directory) {
    Pins result{{skeleton.maps.rodata, directory + config_pin}};
    for (const bpf_map* map : {skeleton.maps.balancers, skeleton.maps.vips, skeleton.maps.own, skeleton.maps.tunnels,
                               skeleton.maps.networks, skeleton.maps.received, skeleton.maps.reasons})
        result.emplace_back(map, directory + ::bpf_map__name(map));
    return result;
}

/// Beside those of the program that this one is to replace.
Result<> pin_next(const Pins& pins) {
    for (const auto& [map, path] : pins) {
        const std::string beside = path + next;
        std::remove(beside.c_str());
        if (::bpf_obj_pin(::bpf_map__fd(map), beside.c_str()) < 0)
            return failure("pin", beside, errno, {}, privilege(errno));
    }
    return {};
}

void unpin_next(const Pins& pins) {
    for (const auto& [map, path] : pins) std::remove((path + next).c_str());
}

Result<> turn_to_next(const Pins& pins) {
    for (const auto& [map, path] : pins)
        if (std::rename((path + next).c_str(), path.c_str()) < 0) return failure("pin", path, errno);
    return {};
}

Result<Skeleton> load(const DecapProgram& program, const std::string& directory) {
    const LibbpfLog log;
    Skeleton skeleton(decap_bpf::open());
    if (!skeleton) return failure("open", "the XDP program", errno, LibbpfLog::tail());
    skeleton->rodata->config = to_config(program);
    size_maps(*skeleton, program);
    const Fd received = open_map(directory + "received", sizeof(std::uint32_t), sizeof(decap_counters));
    const Fd reasons = open_map(directory + "reasons", sizeof(std::uint32_t), sizeof(std::uint64_t));
    if (received.is_open()) ::bpf_map__reuse_fd(skeleton->maps.received, received.get());
    if (reasons.is_open()) ::bpf_map__reuse_fd(skeleton->maps.reasons, reasons.get());
    if (const int error = decap_bpf::load(skeleton.get()); error < 0)
        return failure("load", "the XDP program", -error, LibbpfLog::tail(), privilege(-error));
    CHECK_OK(fill(*skeleton, program));
    return skeleton;
}

/// Native where the driver can.
Result<Fd> create_link(int program, const Decap& wanted, std::uint32_t ifindex) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    for (const auto flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
        if (flags == XDP_FLAGS_DRV_MODE && wanted.mode == XdpMode::generic) continue;
        options.flags = flags;
        Fd link(::bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
        if (link.is_open()) return link;
        if (errno == EBUSY || errno == EEXIST)
            return failure("attach XDP to", wanted.device, errno, "another XDP program is there",
                           fmt::format("ip link set dev {} xdp off, or via: kernel", wanted.device));
    }
    return failure("attach XDP to", wanted.device, errno, {}, privilege(errno));
}

/// Once it is, packets see the new program, or none.
Result<> set_program(const decap_bpf& skeleton, const Decap& wanted, std::uint32_t ifindex,
                     const std::string& directory) {
    const int program = ::bpf_program__fd(skeleton.progs.decap);
    if (const auto link = open_link(directory); link && link->ifindex == ifindex) {
        if (::bpf_link_update(link->fd.get(), program, nullptr) < 0)
            return failure("replace XDP program of", wanted.device, errno);
        return {};
    }
    TRY(const Fd link, create_link(program, wanted, ifindex));
    const std::string pin = directory + link_pin;
    std::remove(pin.c_str());
    if (::bpf_obj_pin(link.get(), pin.c_str()) < 0) return failure("pin", pin, errno, {}, privilege(errno));
    return {};
}

}  // namespace

DecapPrograms::DecapPrograms(std::uint64_t cookie) : home_(fmt::format("{}/culvert/realserver/{}/", bpffs, cookie)) {}

std::string DecapPrograms::directory(std::uint32_t ifindex) const { return fmt::format("{}{}/", home_, ifindex); }

Result<std::optional<Decap>> DecapPrograms::observe(const netlink::Link& link) const {
    if (!link.xdp) return std::nullopt;
    Decap found{.device = link.name, .program = {}, .mode = {}};
    const auto ours = open_link(directory(link.index));
    if (!ours || ours->ifindex != link.index || ours->program != link.xdp->program) return found;
    found.program = read_program(directory(link.index));
    found.mode = link.xdp->mode == XDP_ATTACHED_SKB ? XdpMode::generic : XdpMode::native;
    return found;
}

Result<> DecapPrograms::attach(const Decap& wanted, std::uint32_t ifindex) const {
    CHECK_OK(mount_bpffs());
    sweep();
    const std::string here = directory(ifindex);
    std::error_code error;
    fs::create_directories(here, error);
    if (error) return failure("make directory", here, error.value(), {}, privilege(error.value()));
    TRY(const Skeleton skeleton, load(wanted.program.value(), here));
    const Pins maps = pins(*skeleton, here);
    auto done = pin_next(maps);
    if (done) done = set_program(*skeleton, wanted, ifindex, here);
    if (done) return turn_to_next(maps);
    unpin_next(maps);
    if (!open_link(here)) fs::remove_all(here, error);
    return done;
}

Result<> DecapPrograms::detach(const std::string& device, std::uint32_t ifindex) const {
    const std::string here = directory(ifindex);
    // At once; when the last file goes, it would be some time later.
    if (const auto link = open_link(here); link && ::bpf_link_detach(link->fd.get()) < 0)
        return failure("detach XDP from", device, errno, {}, privilege(errno));
    std::error_code error;
    fs::remove_all(here, error);
    if (error) return failure("remove", here, error.value(), {}, privilege(error.value()));
    sweep();
    return {};
}

Result<DecapCounters> DecapPrograms::counters(std::uint32_t ifindex) const {
    static constexpr std::array kind_names{
#define DECAP_KIND(identifier, name) name,
        DECAP_KINDS(DECAP_KIND)
#undef DECAP_KIND
    };
    static constexpr std::array reason_names{
#define DECAP_REASON(identifier, name, text) name,
        DECAP_REASONS(DECAP_REASON)
#undef DECAP_REASON
    };
    const std::string here = directory(ifindex);
    const Fd received = open_map(here + "received", sizeof(std::uint32_t), sizeof(decap_counters));
    const Fd reasons = open_map(here + "reasons", sizeof(std::uint32_t), sizeof(std::uint64_t));
    if (!received.is_open() || !reasons.is_open()) return failure("read", here, ENOENT);
    DecapCounters result;
    for (std::uint32_t kind = 0; kind < kind_names.size(); ++kind) {
        auto& counter = result.received.emplace_back(DecapCounters::Kind{.name = kind_names.at(kind)});
        CHECK_OK(sum<decap_counters>(received, kind, [&](const decap_counters& value) {
            counter.packets += value.packets;
            counter.bytes += value.bytes;
        }));
    }
    for (std::uint32_t reason = 0; reason < reason_names.size(); ++reason) {
        auto& counter = result.dropped.emplace_back(DecapCounters::Reason{.name = reason_names.at(reason)});
        CHECK_OK(sum<std::uint64_t>(reasons, reason, [&](std::uint64_t value) { counter.packets += value; }));
    }
    return result;
}

}  // namespace culvert::realserver
