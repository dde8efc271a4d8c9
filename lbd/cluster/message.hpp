// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/model/exceptions.hpp"
#include "lbd/model/service_view.hpp"
#include "lbd/model/turnover.hpp"
#include "netlink/address.hpp"

/// What balancers send to each other. Pure.
///
/// A message is its length (32 bits, of what follows), its type (16 bits) and its fields. So that balancers can be
/// upgraded one at a time, a message of an unknown type is skipped, and fields behind the known ones are ignored: a new
/// version adds fields at the end only.
namespace culvert::lbd {

/// The versions that this program speaks.
inline constexpr std::uint16_t oldest_version = 1;
inline constexpr std::uint16_t newest_version = 3;        ///< which has the choice of each record
inline constexpr std::uint16_t version_of_turnovers = 2;  ///< since this one a TurnoverQuestion is answered

/// Limits of one message.
inline constexpr std::size_t most_message_bytes = 1 << 20;
inline constexpr std::size_t most_records = 4'096;   ///< records and slots
inline constexpr std::size_t most_services = 1'024;  ///< of exceptions
inline constexpr std::size_t most_views = 4'096;
inline constexpr std::size_t most_lines = 1'024;
inline constexpr std::size_t most_asked = 4'096;       ///< services of a question
inline constexpr std::uint32_t most_slots = 1U << 24;  ///< the largest Maglev table has fewer

/// The first message in each direction. When something in it has changed it is sent again, without the address.
struct Hello {
    std::uint16_t oldest = oldest_version;
    std::uint16_t newest = newest_version;
    std::uint64_t instance = 0;  ///< a random number for each start
    netlink::IpAddress from;     ///< the sender's address in the lists of peers
    std::string name;            ///< the sender's host name
    std::string version;         ///< of lbd
    std::string hash_key;        ///< digest
    std::uint64_t flow_entries = 0;
    bool operator==(const Hello&) const = default;
};

/// The balancer with the lower instance number says which of several connections both use: this one.
struct Chosen {
    bool operator==(const Chosen&) const = default;
};

/// How the sender sees services.
struct Views {
    struct View {
        std::string service;
        std::uint64_t table = 0;
        std::uint64_t whole = 0;
        std::uint64_t idle = 0;  ///< milliseconds
        bool operator==(const View&) const = default;
    };
    bool anew = false;   ///< forget what was said before
    bool whole = false;  ///< nothing that belongs to it follows
    std::vector<View> views;
    std::vector<std::string> gone;  ///< services that the sender does not have any more
    bool operator==(const Views&) const = default;
};

/// Asks for the lines of a view.
struct Ask {
    std::string service;
    bool operator==(const Ask&) const = default;
};

/// The answer, in one or more messages. The lines are sorted by key.
struct Lines {
    std::string service;
    std::uint64_t whole = 0;  ///< digest of the view that they are of; 0: the sender has no such service
    bool first = false;
    bool last = false;
    std::vector<ViewLine> lines;
    bool operator==(const Lines&) const = default;
};

/// All that a peer should know when it connects was sent.
struct AllSent {
    bool operator==(const AllSent&) const = default;
};

struct Ping {
    std::uint64_t number = 0;
    bool operator==(const Ping&) const = default;
};
struct Pong {
    std::uint64_t number = 0;
    bool operator==(const Pong&) const = default;
};

/// Asks how many live connections a change of the configuration concerns at the receiver. A balancer answers the last
/// question of each peer.
struct TurnoverQuestion {
    /// Services that change alike.
    struct About {
        std::vector<std::string> services;  ///< names; not empty
        std::uint64_t table = 0;            ///< digest of their table, as in Views
        std::uint32_t slots = 0;            ///< the rest as in Turnover
        std::vector<bool> changes;          ///< by slot; empty: none
        std::vector<std::string> lost;
        bool follows_table = false;  ///< Turnover::Rule::table, or else Rule::stays
        bool by_client = false;
        bool operator==(const About&) const = default;
    };
    std::uint64_t number = 0;
    std::vector<About> about;
    bool operator==(const TurnoverQuestion&) const = default;
};

/// The answer, for each service in the order of the question.
struct TurnoverAnswer {
    enum class State : std::uint8_t {
        counted,
        no_service,
        other_table,  ///< the slots of the question are not its own
    };
    struct Of {
        State state = State::counted;
        TurnoverCount count;
        bool operator==(const Of&) const = default;
    };
    std::uint64_t number = 0;  ///< of the question
    std::vector<Of> of;
    bool operator==(const TurnoverAnswer&) const = default;
};

/// The sender closes the connection.
struct Bye {
    std::string reason;
    bool operator==(const Bye&) const = default;
};

using Message = std::variant<Hello, Chosen, Views, Ask, Lines, Exceptions, AllSent, Ping, Pong, Bye, TurnoverQuestion,
                             TurnoverAnswer>;

/// The whole message, with its length. `message` is within the limits, or texts are cut off.
[[nodiscard]] std::string encode(const Message& message);

/// The length stands in this many bytes.
inline constexpr std::size_t length_bytes = 4;
[[nodiscard]] std::size_t length_of(std::span<const std::uint8_t, length_bytes> bytes);

/// Decodes what follows the length. Nothing: the type is unknown. An error names what is wrong.
[[nodiscard]] tl::expected<std::optional<Message>, std::string> decode_message(std::span<const std::uint8_t> bytes);

/// The same records and slots in pieces that each fit into a message, and that have only the backends that they name.
[[nodiscard]] std::vector<Exceptions> pieces_of(const Exceptions& exceptions);

}  // namespace culvert::lbd
