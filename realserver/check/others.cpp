// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/others.hpp"

#include <fmt/format.h>

#include "realserver/check/check.hpp"

namespace culvert::realserver {

void check_others(const Patient& patient, Diagnosis& diagnosis) {
    ++diagnosis.checked;
    for (const OtherTunnel& other : other_tunnels(patient.desired, patient.observed, patient.record)) {
        const std::string seen = fmt::format("ip -d link show {}: {}", other.device, other.what);
        if (other.instead_of.empty()) {
            diagnosis.findings.push_back(
                {.name = "tunnel_not_listed",
                 .cause = fmt::format("the guard drops what comes by {}, which realserver did not make", other.device),
                 .evidence = {seen, fmt::format("neither balancers nor tunnel_peers have {}", other.remote)},
                 .advice = fmt::format("write {} into tunnel_peers, if it is to be trusted; then realserver apply",
                                       other.remote)});
            continue;
        }
        Finding finding{.name = "device_takes_packets",
                        .cause = fmt::format("{}, which realserver did not make, takes the packets that are to come "
                                             "out of {}",
                                             other.device, other.instead_of),
                        .evidence = {seen},
                        .cure = {other.is_kernels_own ? fmt::format("ip link set {} down", other.device)
                                                      : fmt::format("ip link del {}", other.device)},
                        .advice = "give it ends of its own, other than the balancers'"};
        if (other.of_ipsec) finding.evidence.push_back("it drops what has not come by IPsec");
        if (other.rp_filter != 0)
            finding.evidence.push_back(
                fmt::format("rp_filter of {}: {} (the larger of all's and its own), which drops "
                            "those of IPv4",
                            other.device, other.rp_filter));
        diagnosis.findings.push_back(std::move(finding));
    }
}

}  // namespace culvert::realserver
