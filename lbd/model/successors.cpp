// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/successors.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace culvert::lbd {
namespace {

/// Services by their ports, of which no two overlap.
class ByPort {
  public:
    void add(const Service& service) {
        for (const PortSpec& port : service.ports)
            ranges_.emplace(Key(service.vip, port.protocol, port.port), Range{port.last, &service});
    }

    /// Those that have a port in common with the service, each once.
    [[nodiscard]] std::vector<const Service*> overlapping(const Service& service) const {
        std::vector<const Service*> found;
        for (const PortSpec& port : service.ports)
            for (auto it = ranges_.upper_bound({service.vip, port.protocol, port.last}); it != ranges_.begin();) {
                const auto& [key, range] = *--it;
                const auto& [vip, protocol, first] = key;
                if (vip != service.vip || protocol != port.protocol || range.last < port.port) break;
                if (std::ranges::find(found, range.service) == found.end()) found.push_back(range.service);
            }
        return found;
    }

  private:
    using Key = std::tuple<Vip, Protocol, std::uint16_t>;
    struct Range {
        std::uint16_t last;
        const Service* service;
    };

    std::map<Key, Range> ranges_;
};

}  // namespace

std::vector<Successor> successors(const Services& before, const Services& after) {
    const std::unordered_set<Services::Shared> old(before.shared().begin(), before.shared().end());
    std::unordered_set<const Service*> same;
    ByPort by_port;
    std::unordered_map<std::string_view, const Service*> by_name;
    for (const Services::Shared& service : after.shared()) {
        if (old.contains(service)) {
            same.insert(service.get());
            continue;
        }
        by_port.add(*service);
        by_name.emplace(service->name, service.get());
    }
    std::vector<std::pair<int, Successor>> found;
    for (const Service& service : before) {
        if (same.contains(&service)) continue;
        const auto overlapping = by_port.overlapping(service);
        for (const Service* present : overlapping)
            found.push_back({present->name == service.name ? 0 : 1, {&service, present}});
        if (!overlapping.empty()) continue;
        if (const auto present = by_name.find(service.name); present != by_name.end())
            found.push_back({2, {&service, present->second}});
    }
    std::ranges::stable_sort(found, {}, [](const auto& one) { return one.first; });
    std::vector<Successor> result;
    for (const auto& [rank, successor] : found) result.push_back(successor);
    return result;
}

std::map<std::string, std::string> present_names(const Successor& service) {
    std::map<IpAddress, std::string_view> by_address;
    for (const Backend& backend : service.present->backends) by_address.emplace(backend.address, backend.name);
    std::map<std::string, std::string> names;
    for (const Backend& backend : service.former->backends)
        if (const auto present = by_address.find(backend.address); present != by_address.end())
            names.emplace(backend.name, present->second);
    return names;
}

}  // namespace culvert::lbd
