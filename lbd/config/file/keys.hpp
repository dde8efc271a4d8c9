// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lbd/model/service.hpp"

/// The keys of each map in lbd.yaml, with the limits of their values. packaging/schema/lbd.schema.json has the same
/// keys, limits and defaults.
namespace culvert::lbd {

/// A key, and the limits of its value if that is a number, a size or a duration in milliseconds; both are inclusive.
struct Key {
    std::string_view name;
    std::uint64_t least = 0;
    std::uint64_t most = 0;  ///< 0: the value has no limits
};

template <std::size_t Count>
class Keys {
  public:
    consteval explicit Keys(const std::array<Key, Count>& keys) : keys_(keys) {}

    /// A name that is not in the table does not compile.
    consteval Key operator[](std::string_view name) const {
        return *std::ranges::find(keys_, name, &Key::name);  // past the end there is nothing to read
    }
    [[nodiscard]] constexpr std::span<const Key> all() const { return keys_; }

    template <std::size_t More>
    consteval Keys<Count + More> operator+(const Keys<More>& more) const {
        std::array<Key, Count + More> keys;
        std::ranges::copy(more.all(), std::ranges::copy(keys_, keys.begin()).out);
        return Keys<Count + More>(keys);
    }

  private:
    std::array<Key, Count> keys_;
};

template <std::size_t Count>
consteval Keys<Count> keys_of(const Key (&keys)[Count]) {
    return Keys<Count>(std::to_array(keys));
}

namespace limits {
constexpr std::uint64_t ms = 1;
constexpr std::uint64_t second = 1'000 * ms;
constexpr std::uint64_t hour = 3'600 * second;
constexpr std::uint64_t port = 65'535;
constexpr std::uint64_t idle = std::chrono::milliseconds(longest_idle).count();
constexpr std::uint64_t largest_table = 16'777'213;  // the largest prime below 2^24
}  // namespace limits

inline constexpr Key table_key{"table", 101, limits::largest_table};
inline constexpr Key idle_key{"idle", limits::second, limits::idle};
inline constexpr Key port_key{"port", 1, limits::port};

inline constexpr auto root_keys = keys_of({{"interfaces"},
                                           {"xdp"},
                                           {"flows"},
                                           {"latency"},
                                           {"metrics"},
                                           {"cluster"},
                                           {"announce"},
                                           {"defaults"},
                                           {"pools"},
                                           {"services"}});

inline constexpr auto flow_keys = keys_of({{"entries", 1 << 10, 1 << 30}, idle_key});

inline constexpr auto cluster_keys =
    keys_of({{"key_file"}, {"address"}, port_key, {"peers"}, {"join_timeout", limits::second, limits::hour}});

inline constexpr Key metric_key{"metric", 1, 65'535};
inline constexpr auto announce_keys =
    keys_of({{"table", 1, 252}, {"protocol", 1, 255}, {"hold", 0, limits::hour}, {"when"}, metric_key});
inline constexpr auto service_announce_keys = keys_of({metric_key});

inline constexpr auto default_keys = keys_of({{"encap"}, {"scheduler"}, table_key, {"health"}});

inline constexpr auto service_keys = keys_of({{"name"},
                                              {"vip"},
                                              {"ports"},
                                              {"encap"},
                                              {"scheduler"},
                                              table_key,
                                              {"sticky"},
                                              {"track"},
                                              idle_key,
                                              {"health"},
                                              {"announce"},
                                              {"pool"},
                                              {"backends"}});

inline constexpr auto backend_keys = keys_of({{"address"}, {"name"}, {"weight", 0, UINT16_MAX}, {"encap"}, {"state"}});

// Keys of every encapsulation. Each type adds its own (lbd/encap/encap.hpp).
inline constexpr auto encap_keys = keys_of({{"type"}});

// Keys of every health check, then those of each type.
inline constexpr auto check_keys = keys_of({{"type"},
                                            port_key,
                                            {"interval", 100 * limits::ms, limits::hour},
                                            {"timeout", 10 * limits::ms, 30 * limits::second},
                                            {"rise", 1, 100},
                                            {"fall", 1, 100},
                                            {"on_failure"},
                                            {"minimum", 1, UINT16_MAX},
                                            {"slow_start", 0, limits::hour}});
inline constexpr auto http_keys = check_keys + keys_of({{"host"}, {"path"}, {"status"}, {"match"}});
inline constexpr auto https_keys = http_keys + keys_of({{"verify"}});
inline constexpr auto dns_keys = check_keys + keys_of({{"name"}, {"record"}, {"transport"}});
inline constexpr auto script_keys = check_keys + keys_of({{"command"}});

}  // namespace culvert::lbd
