// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/key.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/log.hpp"
#include "lbd/key/derive.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {

using netlink::Result;

Result<HashKeys> hash_keys(const Config& config, const lb_config& in_force) {
    HashKeys keys;
    TRY(keys.in_force, digest_of_hash_key(in_force));
    if (!config.cluster.key) return keys;
    lb_config configured{};
    CHECK_OK(set_hash_key(configured, *config.cluster.key));
    if (have_same_hash_key(configured, in_force)) return keys;
    TRY(keys.configured, digest_of_hash_key(configured));
    return keys;
}

Result<> report_hash_keys(const Config& config, const lb_config& in_force, std::string& told) {
    TRY(const HashKeys keys, hash_keys(config, in_force));
    if (std::exchange(told, keys.configured) == keys.configured || keys.configured.empty()) return {};
    common::log(spdlog::level::warn,
                {{"EVENT", log_event("key_kept")}, {"KEY", keys.in_force}, {"CONFIGURED", keys.configured}},
                fmt::format("the pinned program keeps its key {}, although the configured one is {} ({})",
                            keys.in_force, keys.configured, cure_of("key_kept")));
    return {};
}

}  // namespace culvert::lbd
