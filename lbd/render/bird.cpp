// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstddef>

#include "lbd/render/routing.hpp"
#include "lbd/render/speaker.hpp"
#include "lbd/render/vips.hpp"

namespace culvert::lbd {
namespace {

/// Reads lbd's routes of one family into a table of BIRD's own.
std::string kernel(const Announce& how, Family family) {
    const char digit = family == Family::ipv4 ? '4' : '6';
    const bool is_main = how.table == Announce::main_table;
    return fmt::format(R"(
ipv{0} table culvert{0};

protocol kernel culvert_kernel{0} {{
{1}  learn;
  ipv{0} {{ table culvert{0}; import filter culvert_vips; export none; }};
}}
)",
                       digit, is_main ? "" : fmt::format("  kernel table {};\n", how.table));
}

std::string bgp(const Speaker& speaker, const Router& router, std::size_t number) {
    const char digit = router.address.is_v4() ? '4' : '6';
    return fmt::format(R"(
protocol bgp culvert_router{0} {{
  local as {1};
  neighbor {2} as {3};
  bfd on;
  hold time 9;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 5;
  ipv{4} {{ table culvert{4}; import none; export filter culvert_to_routers; next hop self; }};
}}
)",
                       number, speaker.as, router.address.to_string(), router.as, digit);
}

}  // namespace

tl::expected<std::string, std::string> render_bird(const Config& config, const Speaker& speaker) {
    const auto vips = announced_vips(config);
    if (!vips) return tl::unexpected(vips.error());
    if (auto missing = missing_router(*vips, speaker)) return tl::unexpected(*std::move(missing));
    std::string text = fmt::format(R"(# BIRD 2 announces the VIPs whose routes lbd keeps in the kernel.
log syslog all;
router id {0};

protocol device {{}}

protocol bfd {{
  interface "*" {{ min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }};
}}

# lbd's routes, and no others.
filter culvert_vips {{
  if krt_source = {1} then accept;
  reject;
}}

# Routers prefer a lower MED. GRACEFUL_SHUTDOWN (RFC 8326) makes a VIP the last resort.
filter culvert_to_routers {{
  bgp_med = krt_metric;
  if krt_metric > {2} then bgp_community.add((65535, 0));
  accept;
}}
)",
                                   speaker.id.to_string(), config.announce->protocol, usual_metric);
    for (const Family family : families_of(speaker)) text += kernel(*config.announce, family);
    for (std::size_t i = 0; i < speaker.routers.size(); ++i) text += bgp(speaker, speaker.routers[i], i + 1);
    return text;
}

}  // namespace culvert::lbd
