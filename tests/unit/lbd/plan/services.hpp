// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lbd/plan/plan.hpp"
#include "lbd/plan/template.hpp"
#include "tests/unit/lbd/address.hpp"

/// Small services, and their plans.
namespace culvert::lbd {

inline Backend backend(const std::string& name, std::uint16_t weight = 1) {
    return {.name = name, .address = address(name), .encap = Ipip{}, .weight = weight};
}

inline Service service(const std::string& name, const std::string& vip, std::vector<Backend> backends) {
    return {.name = name,
            .vip = address(vip),
            .ports = {{Protocol::tcp, 80}},
            .table_size = 101,
            .backends = std::move(backends)};
}

/// Every backend has its own MAC address.
inline Hops hops_of(const std::vector<Service>& services) {
    Hops hops;
    for (const Service& service : services)
        for (const Backend& backend : service.backends) {
            const auto bytes = backend.address.bytes();
            hops[backend.address] = NextHop{.ifindex = 2,
                                            .source = *netlink::MacAddress::parse("02:00:00:00:00:01"),
                                            .destination = {{2, bytes[0], bytes[1], bytes[2], bytes[3], 0}},
                                            .from = address("10.0.0.1")};
        }
    return hops;
}

inline Image planned(const std::vector<Service>& services, const Image& before = {}) {
    auto image = plan(services, hops_of(services), before, {});
    EXPECT_TRUE(image) << image.error().message();
    return image ? *std::move(image) : Image{};
}

inline lb_dest_body body_of(const Service& service, const Backend& backend) {
    return make_body(backend.encap, service.vip.family(), backend.address, *hops_of({service}).at(backend.address));
}

inline const lb_service& value_of(const Image& image, const Service& service) {
    return image.vips.at({service.vip, 6, service.ports.at(0).port});
}

/// Up to five services with up to 28 backends.
inline std::vector<Service> services_of(const std::vector<std::tuple<int, int, std::uint16_t>>& chosen) {
    std::map<int, std::map<int, std::uint16_t>> weights;
    for (const auto& [vip, host, weight] : chosen) weights[vip][host] = weight;
    std::vector<Service> services;
    for (const auto& [vip, backends] : weights) {
        services.push_back(service("s" + std::to_string(vip), "192.0.2." + std::to_string(vip), {}));
        for (const auto& [host, weight] : backends)
            services.back().backends.push_back(backend("10.0.0." + std::to_string(host), weight));
    }
    return services;
}

}  // namespace culvert::lbd
