// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/nftables.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "netlink/nftables/codec.hpp"
#include "netlink/nftables/owned.hpp"

namespace culvert::netlink::nft {

namespace {

/// How often others may change the ruleset during an operation before it fails.
constexpr int attempts = 100;

/// The kernel's answer to one message.
struct Answer {
    std::uint32_t sequence = 0;
    int code = 0;  // errno, positive; 0 for success
    std::string text;
};

int on_ack_attribute(const nlattr* attribute, void* into) {
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
        static_cast<Answer*>(into)->text = mnl_attr_get_str(attribute);
    return MNL_CB_OK;
}

Answer decode_answer(const nlmsghdr* message) {
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
    Answer answer{.sequence = message->nlmsg_seq, .code = -error->error, .text = {}};
    if ((message->nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
        // the answer contains the request: only its header if capped
        const bool capped = (message->nlmsg_flags & NLM_F_CAPPED) != 0;
        const std::size_t request = capped ? 0 : error->msg.nlmsg_len - sizeof(nlmsghdr);
        mnl_attr_parse(message, static_cast<unsigned int>(sizeof(*error) + request), on_ack_attribute, &answer);
    }
    return answer;
}

tl::unexpected<Error> refused(std::string operation, std::string object, const Answer& answer) {
    std::string cure;
    if (answer.code == EPERM) cure = "run as root, with CAP_NET_ADMIN";
    if (answer.code == EPROTONOSUPPORT) cure = "the kernel has no nf_tables: modprobe nf_tables";
    if (answer.code == EMSGSIZE) cure = "on the machine itself: sysctl -w net.core.wmem_max=4194304";
    return failure(std::move(operation), std::move(object), answer.code, answer.text, std::move(cure));
}

/// Receives one datagram of messages; an empty one if none is waiting and `flags` has MSG_DONTWAIT.
Result<Bytes> receive(mnl_socket* socket, int flags) {
    Bytes buffer(std::size_t{64} * 1024);
    for (;;) {
        const ssize_t size = recv(mnl_socket_get_fd(socket), buffer.data(), buffer.size(), flags | MSG_TRUNC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return Bytes{};
        if (size < 0) return failure("receive from", "nf_tables", errno);
        if (static_cast<std::size_t>(size) > buffer.size()) return failure("receive from", "nf_tables", EMSGSIZE);
        buffer.resize(static_cast<std::size_t>(size));
        return buffer;
    }
}

template <typename Function>
void for_each_message(const Bytes& datagram, const Function& function) {
    int left = static_cast<int>(datagram.size());
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) function(message);
}

/// Sends one request and returns the messages of its answer, up to the last one.
template <typename Build>
Result<Bytes> ask(mnl_socket* socket, std::uint16_t type, std::uint16_t flags, TableFamily family, const Build& build) {
    std::array<char, 1024> request{};
    nlmsghdr* header = nftnl_nlmsg_build_hdr(request.data(), type, static_cast<std::uint16_t>(family), flags, 0);
    build(header);
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return refused("send to", "nf_tables", Answer{.code = errno, .text = {}});
    Bytes messages;
    std::optional<Answer> end;
    while (!end) {
        TRY(const Bytes datagram, receive(socket, 0));
        for_each_message(datagram, [&](const nlmsghdr* message) {
            if (message->nlmsg_type == NLMSG_ERROR) {
                end = decode_answer(message);
            } else if (message->nlmsg_type == NLMSG_DONE) {
                const int code = *static_cast<const int*>(mnl_nlmsg_get_payload(message));
                end = Answer{.code = std::max(-code, 0), .text = {}};
            } else {
                const auto* bytes = reinterpret_cast<const std::uint8_t*>(message);
                messages.insert(messages.end(), bytes, bytes + NLMSG_ALIGN(message->nlmsg_len));
            }
        });
    }
    if (end->code != 0) return refused("read", "nf_tables", *end);
    return messages;
}

/// Reads everything that belongs to a table. May mix the states before and after a concurrent change.
Result<std::optional<Table>> read_once(mnl_socket* socket, TableFamily family, std::string_view name) {
    Bytes messages;
    const std::string table(name);
    const auto dump = [&](std::uint16_t type, const auto& build) -> Result<> {
        TRY(const Bytes answer, ask(socket, type, NLM_F_DUMP, family, build));
        messages.insert(messages.end(), answer.begin(), answer.end());
        return {};
    };
    CHECK_OK(dump(NFT_MSG_GETTABLE, [](nlmsghdr*) {}));
    TRY(const auto alone, decode(messages, family, name));
    if (!alone) return std::nullopt;
    CHECK_OK(dump(NFT_MSG_GETCHAIN, [](nlmsghdr*) {}));
    CHECK_OK(dump(NFT_MSG_GETSET, [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_SET_TABLE, table.c_str()); }));
    TRY(const auto with_sets, decode(messages, family, name));
    const Table known = with_sets.value_or(Table{});
    for (const auto& entry : known.sets)
        CHECK_OK(dump(NFT_MSG_GETSETELEM, [&](nlmsghdr* header) {
            mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
            mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, entry.first.c_str());
        }));
    CHECK_OK(
        dump(NFT_MSG_GETRULE, [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_RULE_TABLE, table.c_str()); }));
    return decode(messages, family, name);
}

/// Makes room for a transaction. Only root of the first user namespace can exceed net.core.wmem_max.
void set_send_buffer(int fd, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/// Sends a transaction. When the system call returns, the kernel has executed it and queued its errors, if any.
Result<> commit(mnl_socket* socket, const std::string& operation, const Batch& batch) {
    set_send_buffer(mnl_socket_get_fd(socket), static_cast<int>(batch.bytes.size()));
    if (mnl_socket_sendto(socket, batch.bytes.data(), batch.bytes.size()) < 0)
        return refused(operation, batch.objects.front(), Answer{.code = errno, .text = {}});
    std::optional<Answer> complaint;
    for (;;) {
        TRY(const Bytes datagram, receive(socket, MSG_DONTWAIT));
        if (datagram.empty()) break;
        for_each_message(datagram, [&](const nlmsghdr* message) {
            if (message->nlmsg_type == NLMSG_ERROR && !complaint) complaint = decode_answer(message);
        });
    }
    if (!complaint || complaint->code == 0) return {};
    const std::size_t index = std::min<std::size_t>(complaint->sequence, batch.objects.size() - 1);
    return refused(operation, batch.objects[index], *complaint);
}

const Foreign* find_foreign(const Table& table) {
    for (const auto& [name, chain] : table.chains)
        for (const Rule& rule : chain.rules)
            for (const Expression& expression : rule.expressions)
                if (const auto* foreign = std::get_if<Foreign>(&expression)) return foreign;
    return nullptr;
}

/// A table and the generation of the ruleset it was read from.
struct Snapshot {
    std::uint32_t generation;
    std::optional<Table> table;
};

Result<std::uint32_t> read_generation(mnl_socket* socket) {
    TRY(const Bytes answer, ask(socket, NFT_MSG_GETGEN, NLM_F_ACK, TableFamily{}, [](nlmsghdr*) {}));
    const auto generation = owned(nftnl_gen_alloc());
    if (answer.empty() || nftnl_gen_nlmsg_parse(reinterpret_cast<const nlmsghdr*>(answer.data()), generation.get()) < 0)
        return failure("read generation of", "nf_tables", EBADMSG);
    return nftnl_gen_get_u32(generation.get(), NFTNL_GEN_ID);
}

Result<Snapshot> snapshot(mnl_socket* socket, TableFamily family, std::string_view name) {
    for (int attempt = 0; attempt < attempts; ++attempt) {
        TRY(const auto before, read_generation(socket));
        auto table = read_once(socket, family, name);
        TRY(const auto after, read_generation(socket));
        if (before != after) continue;  // the change may cause an error, too: a set is gone
        if (!table) return tl::unexpected(std::move(table).error());
        return Snapshot{after, *std::move(table)};
    }
    return failure("read table", std::string(name), EAGAIN, "the ruleset kept changing");
}

/// Reads the table, calls `next(snapshot)` for a transaction, and starts again after a concurrent change. False if
/// there was nothing to do.
template <typename Next>
Result<bool> update(mnl_socket* socket, const std::string& operation, TableFamily family, std::string_view name,
                    const Next& next) {
    for (int attempt = 0; attempt < attempts; ++attempt) {
        TRY(const Snapshot now, snapshot(socket, family, name));
        const std::optional<Batch> batch = next(now);
        if (!batch) return false;
        const auto done = commit(socket, operation, *batch);
        if (done) return true;
        if (done.error().code != ERESTART) return tl::unexpected(done.error());
    }
    return failure(operation, std::string(name), EAGAIN, "the ruleset kept changing");
}

}  // namespace

void Nftables::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

Result<Nftables> Nftables::open() {
    Nftables nftables(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    if (!nftables.socket_ || mnl_socket_bind(nftables.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return refused("open", "nf_tables", Answer{.code = errno, .text = {}});
    // older kernels lack one of these; answers can be read without them
    const int on = 1;
    mnl_socket_setsockopt(nftables.socket_.get(), NETLINK_EXT_ACK, const_cast<int*>(&on), sizeof(on));
    mnl_socket_setsockopt(nftables.socket_.get(), NETLINK_CAP_ACK, const_cast<int*>(&on), sizeof(on));
    // If another part of netfilter uses netlink (as conntrack does), a socket alone proves nothing.
    if (const auto known = nftables.generation(); !known && known.error().code == EINVAL)
        return refused("open", "nf_tables", Answer{.code = EPROTONOSUPPORT, .text = {}});
    return nftables;
}

Result<std::optional<Table>> Nftables::read(std::string_view name, TableFamily family) {
    TRY(Snapshot now, snapshot(socket_.get(), family, name));
    return std::move(now.table);
}

Result<bool> Nftables::replace(const Table& wanted) {
    if (const Foreign* foreign = find_foreign(wanted))
        return failure("replace table", wanted.name, EOPNOTSUPP, "no such expression here: " + foreign->name);
    return update(socket_.get(), "replace", wanted.family, wanted.name, [&](const Snapshot& now) {
        return now.table == wanted ? std::optional<Batch>{}
                                   : encode_replace(wanted, now.table.has_value(), now.generation);
    });
}

Result<bool> Nftables::remove(std::string_view name, TableFamily family) {
    return update(socket_.get(), "remove", family, name, [&](const Snapshot& now) {
        return now.table ? encode_remove(family, name, now.generation) : std::optional<Batch>{};
    });
}

Result<Tallies> Nftables::tallies(std::string_view name, TableFamily family) {
    TRY(const Bytes rules, ask(socket_.get(), NFT_MSG_GETRULE, NLM_F_DUMP, family, [&](nlmsghdr* header) {
            mnl_attr_put_strz(header, NFTA_RULE_TABLE, std::string(name).c_str());
        }));
    return decode_tallies(rules, name);
}

Result<std::uint32_t> Nftables::generation() { return read_generation(socket_.get()); }

}  // namespace culvert::netlink::nft
