// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// Properties that some services have. They are array indices.
enum class Trait : std::uint8_t {
    ipv4,       ///< the VIP is IPv4
    ipv6,       ///< the VIP is IPv6
    network,    ///< the VIP is a network
    all_ports,  ///< some port is all ports of a protocol
    sticky,
    health,
    l2,      ///< some backend uses this encapsulation
    l3dsr,   ///< likewise
    tunnel,  ///< likewise, any tunnel
};
inline constexpr std::size_t traits = static_cast<std::size_t>(Trait::tunnel) + 1;

/// Services in the order of the configuration. They never change, so lists can share their common services, or the
/// whole list. Copying a list costs almost nothing, and shared services are known to be equal.
class Services {
  public:
    using Shared = std::shared_ptr<const Service>;

    class Iterator {
      public:
        using value_type = Service;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        explicit Iterator(std::vector<Shared>::const_iterator at) : at_(at) {}
        const Service& operator*() const { return **at_; }
        const Service* operator->() const { return at_->get(); }
        Iterator& operator++() { return ++at_, *this; }
        Iterator operator++(int) { return Iterator(at_++); }
        bool operator==(const Iterator&) const = default;

      private:
        std::vector<Shared>::const_iterator at_;
    };

    Services() = default;
    // No move operations: a copy costs as little.
    Services(const Services&) = default;
    Services& operator=(const Services&) = default;
    ~Services() = default;
    Services(std::initializer_list<Service> services) {
        for (const Service& service : services) push_back(service);
    }
    Services(std::vector<Service> services) {  // NOLINT(google-explicit-constructor)
        for (Service& service : services) push_back(std::move(service));
    }

    void push_back(Service service) { push_back(std::make_shared<const Service>(std::move(service))); }
    void push_back(Shared service);
    void replace(std::size_t index, Service service) { replace(index, index + 1, {std::move(service)}); }
    /// Replaces the services from `first` to before `end` by others. The time depends on the number of these services.
    void replace(std::size_t first, std::size_t end, const Services& others);

    [[nodiscard]] std::size_t size() const { return shared().size(); }
    [[nodiscard]] bool empty() const { return shared().empty(); }
    const Service& operator[](std::size_t index) const { return *shared()[index]; }
    [[nodiscard]] const Service& front() const { return *shared().front(); }
    [[nodiscard]] Iterator begin() const { return Iterator(shared().begin()); }
    [[nodiscard]] Iterator end() const { return Iterator(shared().end()); }
    [[nodiscard]] const std::vector<Shared>& shared() const { return list_->services; }

    /// Whether any service has the trait. This is stored, not searched for.
    [[nodiscard]] bool have(Trait trait) const { return list_->having[static_cast<std::size_t>(trait)] != 0; }
    /// Of all services together; stored likewise.
    [[nodiscard]] std::size_t backends() const { return list_->backends; }

    bool operator==(const Services& other) const;

  private:
    struct List {
        std::vector<Shared> services;
        std::array<std::size_t, traits> having{};  // number of services with each trait
        std::size_t backends = 0;
    };

    /// The list, copied first if it is shared.
    List& own();

    std::shared_ptr<List> list_ = std::make_shared<List>();
};

/// The same services. A service that equals the one of the same name in `known` is shared with `known`.
[[nodiscard]] Services shared_with(Services services, const Services& known);

}  // namespace culvert::lbd
