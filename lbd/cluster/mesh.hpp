// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "lbd/model/cluster_status.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/endpoint.hpp"
#include "lbd/model/exceptions.hpp"
#include "lbd/model/service_view.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::EventLoop;

struct TurnoverQuestion;  // message.hpp
struct TurnoverAnswer;

/// What a balancer says of itself.
struct Introduction {
    std::string name;                ///< host name
    std::string version;             ///< of lbd
    std::string hash_key;            ///< digest of the hash key in force
    std::uint64_t flow_entries = 0;  ///< configured size of the flow table
    bool operator==(const Introduction&) const = default;
};

struct MeshCalls {
    /// A peer has sent this. It has a valid form; whether it fits to our services was not checked.
    std::function<void(const Exceptions&)> take;
    /// Makes everything that a peer should know when it connects, a piece at a time, and nothing after the last one. A
    /// piece has some thousand records. The next one is asked for when the peer has taken most of the former ones.
    using Everything = std::function<std::optional<Exceptions>()>;
    std::function<Everything()> all;
    /// The connection with a peer has ended.
    std::function<void(const netlink::IpAddress& peer)> gone;
    /// A peer has asked, or answered.
    std::function<void(const netlink::IpAddress& peer, const TurnoverQuestion&)> asked;
    std::function<void(const netlink::IpAddress& peer, const TurnoverAnswer&)> answered;
};

/// The connections to the other balancers of the cluster.
class Mesh {
  public:
    /// `config` has peers. Nothing waits for them.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Mesh>> open(EventLoop& loop, const Cluster& config,
                                                                     const ClusterKey& key, const Introduction& own,
                                                                     MeshCalls calls);
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;
    ~Mesh();

    /// For another configuration: what can fail is done beforehand, and nobody sees a difference.
    struct Prepared {
        common::Fd socket;  ///< open if another one than now listens
        Endpoint at;
    };
    [[nodiscard]] netlink::Result<Prepared> prepare(const Cluster& next) const;
    /// Takes it over. Connections with peers that stay are not interrupted, unless address or port change.
    void follow(const Cluster& next, Prepared prepared);

    /// To every peer that is connected. Divided into messages if it has many records.
    void share(const Exceptions& exceptions);
    /// All our views. Peers are told what has changed since the last call.
    void tell(std::vector<ServiceView> views);
    /// Likewise, of the balancer.
    void introduce(const Introduction& own);

    /// To one peer. The result is why it cannot answer, if it cannot.
    [[nodiscard]] std::optional<std::string> ask(const netlink::IpAddress& peer, const TurnoverQuestion& question);
    void answer(const netlink::IpAddress& peer, const TurnoverAnswer& answer);

    /// Whether each peer has the same table for the service as we, or no such service. A peer that is gone counts for
    /// the longest `idle`.
    [[nodiscard]] bool agrees(const std::string& service) const;
    /// Whether each peer has sent everything, or `join_timeout` is over.
    [[nodiscard]] bool joined() const;
    [[nodiscard]] ClusterStatus status() const;

    class Impl;

  private:
    explicit Mesh(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::lbd
