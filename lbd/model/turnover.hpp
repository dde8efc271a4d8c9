// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// What a change of the configuration does to live connections. It names services and backends, so that it means the
/// same on each balancer.
namespace culvert::lbd {

/// A set of names that copies share.
class SharedNames {
  public:
    using value_type = std::string;
    using const_iterator = std::set<std::string>::const_iterator;

    SharedNames() = default;
    SharedNames(std::initializer_list<std::string> names) : SharedNames(std::set<std::string>(names)) {}
    explicit SharedNames(std::set<std::string> names)
        : names_(std::make_shared<const std::set<std::string>>(std::move(names))) {}

    [[nodiscard]] const_iterator begin() const { return names_->begin(); }
    [[nodiscard]] const_iterator end() const { return names_->end(); }
    [[nodiscard]] std::size_t size() const { return names_->size(); }
    [[nodiscard]] bool empty() const { return names_->empty(); }
    [[nodiscard]] bool contains(const std::string& name) const { return names_->contains(name); }
    auto operator<=>(const SharedNames& other) const { return *names_ <=> *other.names_; }
    bool operator==(const SharedNames& other) const { return *names_ == *other.names_; }

  private:
    std::shared_ptr<const std::set<std::string>> names_ = std::make_shared<const std::set<std::string>>();
};

/// Which connections of a service the change concerns.
struct Turnover {
    /// Where connections go after the change.
    enum class Rule : std::uint8_t {
        stays,      ///< each stays with its backend
        table,      ///< each goes where the new table says: their flows are tracked no longer
        unknown,    ///< the flow table does not tell which ones lose their port or address
        untracked,  ///< flows have no entries, so nobody knows how many there are
    };

    std::string service;      ///< its name before the change
    std::uint32_t slots = 0;  ///< of its table before the change; 0: no backend took new flows
    /// By slot: whether it gets another backend. Null: no slot does. Services that change alike share it.
    std::shared_ptr<const std::vector<bool>> changes;
    SharedNames lost;  ///< backends whose connections get another one, whatever the rule is
    Rule rule = Rule::stays;
    bool by_client = false;  ///< sticky: the slot of a connection is that of its client, which no entry tells

    /// Whether it concerns any connection.
    [[nodiscard]] bool is_empty() const {
        return !changes && lost.empty() && (rule == Rule::stays || rule == Rule::untracked);
    }
    [[nodiscard]] bool changes_at(std::uint64_t slot) const { return changes && (*changes)[slot]; }
};

/// How many live connections of a service that is, on one balancer.
struct TurnoverCount {
    std::uint64_t live = 0;  ///< all live connections of the service
    std::uint64_t stay = 0;  ///< of those in slots that change: they keep their backend
    std::uint64_t move = 0;  ///< get another backend, and break
    bool estimated = false;  ///< from a sample
    bool operator==(const TurnoverCount&) const = default;
};

}  // namespace culvert::lbd
