// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/raw_probe.hpp"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lbd/health/connection.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using Bytes = std::vector<std::uint8_t>;
using ConstBytes = std::span<const std::uint8_t>;

/// What to send behind the IP header, where its checksum is, and how to read an answer. `read` returns nothing if the
/// packet does not answer this question.
struct Question {
    int protocol = 0;
    Bytes bytes;
    std::size_t checksum = 0;
    std::function<std::optional<Finding>(ConstBytes)> read;
};

template <typename Header>
Bytes to_bytes(const Header& header) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&header);
    return {begin, begin + sizeof header};
}

template <typename Header>
std::optional<Header> from_bytes(ConstBytes bytes) {
    Header header;
    if (bytes.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
}

template <typename Number>
Number random_number() {
    Number number = 0;
    (void)!::getrandom(&number, sizeof number, 0);
    return number;
}

/// RFC 1071, for TCP with the pseudo-header (RFC 9293, section 3.1). For IPv6, the kernel computes it.
void put_checksum(Question& question, const IpAddress& from, const IpAddress& to) {
    Bytes covered = question.bytes;
    if (question.protocol == IPPROTO_TCP) {
        for (const IpAddress& address : {from, to})
            covered.insert(covered.end(), address.bytes().begin(), address.bytes().end());
        covered.insert(covered.end(), {0, IPPROTO_TCP, 0, static_cast<std::uint8_t>(question.bytes.size())});
    }
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < covered.size(); i += 2) sum += std::uint32_t{covered[i]} << 8 | covered[i + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    question.bytes[question.checksum] = static_cast<std::uint8_t>(~sum >> 8);
    question.bytes[question.checksum + 1] = static_cast<std::uint8_t>(~sum);
}

Question echo(Family family) {
    const bool v4 = family == Family::ipv4;
    icmphdr header{};
    header.type = v4 ? std::uint8_t{ICMP_ECHO} : std::uint8_t{ICMP6_ECHO_REQUEST};
    header.un.echo.id = random_number<std::uint16_t>();
    header.un.echo.sequence = random_number<std::uint16_t>();
    Bytes asked = to_bytes(header);
    for (const std::uint8_t byte : to_bytes(random_number<std::uint64_t>())) asked.push_back(byte);
    return {.protocol = v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6},
            .bytes = asked,
            .checksum = offsetof(icmphdr, checksum),
            .read = [v4, asked](ConstBytes bytes) -> std::optional<Finding> {
                const auto answer = from_bytes<icmphdr>(bytes);
                if (!answer || answer->type != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) return std::nullopt;
                constexpr std::size_t same = offsetof(icmphdr, un);  // echoed by the answer
                if (!std::ranges::equal(bytes.subspan(same), ConstBytes(asked).subspan(same))) return std::nullopt;
                return Finding{.answered = true, .reason = {}};
            }};
}

Question syn(std::uint16_t port) {
    tcphdr header{};
    header.th_sport =
        htons(static_cast<std::uint16_t>(1024 + random_number<std::uint16_t>() % 31744));  // not one Linux assigns
    header.th_dport = htons(port);
    header.th_seq = random_number<std::uint32_t>();
    header.th_off = sizeof header / 4;
    header.th_flags = TH_SYN;
    header.th_win = htons(1024);
    return {.protocol = IPPROTO_TCP,
            .bytes = to_bytes(header),
            .checksum = offsetof(tcphdr, th_sum),
            .read = [asked = header](ConstBytes bytes) -> std::optional<Finding> {
                const auto answer = from_bytes<tcphdr>(bytes);
                if (!answer || answer->th_sport != asked.th_dport || answer->th_dport != asked.th_sport)
                    return std::nullopt;
                // RFC 9293, section 3.10.7.3: other segments answer something else.
                if ((answer->th_flags & TH_ACK) == 0 || ntohl(answer->th_ack) != ntohl(asked.th_seq) + 1)
                    return std::nullopt;
                if ((answer->th_flags & TH_RST) != 0)
                    return Finding{.answered = false, .reason = error_text(ECONNREFUSED)};
                if ((answer->th_flags & TH_SYN) == 0) return std::nullopt;
                return Finding{.answered = true, .reason = {}};
            }};
}

class RawProbe : public Probe {
  public:
    RawProbe(common::Fd socket, bool v4, Question question, Done done)
        : socket_(std::move(socket)), v4_(v4), question_(std::move(question)), done_(std::move(done)) {}

    netlink::Result<> begin(EventLoop& loop) {
        TRY(io_, loop.on_io(socket_.get(), EPOLLIN, [this](std::uint32_t) { hear(); }));
        if (::send(socket_.get(), question_.bytes.data(), question_.bytes.size(), 0) < 0)
            return failure("send", "a probe", errno);
        return {};
    }

  private:
    void hear() {
        std::array<std::uint8_t, 2048> buffer;
        const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (size <= 0) return;
        ConstBytes answer(buffer.data(), static_cast<std::size_t>(size));
        if (v4_) answer = answer.subspan(std::min<std::size_t>(std::size_t{answer[0] & 0xfU} * 4, answer.size()));
        auto finding = question_.read(answer);
        if (!finding) return;
        const Done done = std::move(done_);
        done(*std::move(finding));
    }

    common::Fd socket_;
    bool v4_;
    Question question_;
    Done done_;
    EventLoop::Source io_;
};

StartedProbe start(EventLoop& loop, const OwnSockets& own, const Subject& subject, Question question,
                   Probe::Done done) {
    const bool v4 = subject.address.is_v4();
    TRY(auto socket, connect_raw(own, question.protocol, subject.address));
    if (v4) {
        put_checksum(question, source_of(socket.get()), subject.address);
    } else if (question.protocol == IPPROTO_TCP) {
        const int offset = static_cast<int>(question.checksum);
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof offset);
    }
    auto probe = std::make_unique<RawProbe>(std::move(socket), v4, std::move(question), std::move(done));
    CHECK_OK(probe->begin(loop));
    return probe;
}

}  // namespace

StartedProbe start_icmp_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject, Probe::Done done) {
    return start(loop, own, subject, echo(subject.address.family()), std::move(done));
}

StartedProbe start_syn_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject, Probe::Done done) {
    return start(loop, own, subject, syn(subject.port), std::move(done));
}

}  // namespace culvert::lbd
