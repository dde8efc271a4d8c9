// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/others.hpp"

#include <fmt/format.h>

#include "realserver/check/check.hpp"

namespace culvert::realserver {

void check_others(const Patient& patient, Diagnosis& diagnosis) {
    ++diagnosis.checked;
    for (const OtherTunnel& other : other_tunnels(patient.desired, patient.observed, patient.record)) {
        const std::string seen = fmt::format("ip -d link show {}: {}", other.device, other.what);
        if (other.instead_of.empty() && other.is_split) {
            diagnosis.findings.push_back(
                {.name = "tunnel_not_listed",
                 .cause = fmt::format("the guard drops packets from {}, which realserver did not make", other.device),
                 .evidence = {seen},
                 .advice = fmt::format("if the tunnel is trusted: {}, then realserver apply",
                                       other.remote.empty() ? "give it a remote address, add that to tunnel_peers"
                                                            : fmt::format("add {} to tunnel_peers", other.remote))});
            continue;
        }
        if (other.netns) {
            diagnosis.findings.push_back(
                {.name = "device_takes_packets",
                 .cause = fmt::format("{}, which somebody has moved to another network namespace, receives the packets "
                                      "meant for {}",
                                      other.device, other.instead_of),
                 .evidence = {fmt::format("{}: {} (nsid of ip netns list-id)", other.device, other.what)},
                 .advice =
                     fmt::format("delete {} there, or give it a remote address that is no balancer's", other.device)});
            continue;
        }
        if (other.instead_of.empty()) {
            diagnosis.findings.push_back(
                {.name = "tunnel_not_listed",
                 .cause = fmt::format("the guard drops packets from {}, which realserver did not make", other.device),
                 .evidence = {seen, fmt::format("neither balancers nor tunnel_peers contain {}", other.remote)},
                 .advice =
                     fmt::format("if {} is trusted: add it to tunnel_peers, then realserver apply", other.remote)});
            continue;
        }
        Finding finding{.name = "device_takes_packets",
                        .cause = fmt::format("{}, which realserver did not make, receives the packets meant for {}",
                                             other.device, other.instead_of),
                        .evidence = {seen},
                        .cure = {other.is_kernels_own ? fmt::format("ip link set {} down", other.device)
                                                      : fmt::format("ip link del {}", other.device)},
                        .advice = "give it a remote address that is no balancer's"};
        if (other.of_ipsec) finding.evidence.push_back("it drops packets that did not arrive by IPsec");
        if (other.rp_filter != 0)
            finding.evidence.push_back(
                fmt::format("rp_filter of {}: {} (the larger of its own and that of all), which drops IPv4 packets",
                            other.device, other.rp_filter));
        diagnosis.findings.push_back(std::move(finding));
    }
}

}  // namespace culvert::realserver
