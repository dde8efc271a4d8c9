// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class LbdExplain : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        lbd_.emplace(balancer(), R"(
            interfaces: [eth0]
            flows: {entries: 64k}
            services:
              - {name: web, vip: 192.0.2.1, ports: [80/tcp, 53/udp], encap: {type: gue, port: 5080},
                 backends: [{address: 10.0.0.3}]}
              - {name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {type: l2}, backends: [{address: "fd00::3"}]}
              - {name: lost, vip: 192.0.2.9, ports: [80/tcp], encap: {type: ipip}, backends: [{address: 10.0.0.77}]}
            )");
    }

    json explained(const std::string& options) {
        return json::parse(balancer().must(CULVERT_LBD " explain -j " + options));
    }
    json explained(const std::string& to, const std::string& options) {
        const char* from = to.front() == '[' ? "[fd00::1]:40000" : "10.0.0.1:40000";
        return explained(fmt::format("--src {} --dst {} {}", from, to, options)).at(0);
    }

    std::optional<Balancer> lbd_;
};

TEST_F(LbdExplain, TheWayOfANewFlow) {
    const json told = explained("192.0.2.1:80", "");
    EXPECT_EQ(told["packet"]["text"], "10.0.0.1:40000 > 192.0.2.1:80 tcp syn");
    EXPECT_EQ(told["service"], (json{{"name", "web"}, {"vip", "192.0.2.1"}}));
    EXPECT_EQ(told["flow"]["known"], false);
    EXPECT_EQ(told["table"]["entries"], 65537);
    EXPECT_EQ(told["backend"]["address"], "10.0.0.3");
    EXPECT_EQ(told["backend"]["longest"], 1468);
    EXPECT_EQ(told["verdict"], "sent");
    EXPECT_EQ(told["out"]["interface"], "eth0");
    EXPECT_EQ(told["out"]["bytes"], 54 + 32);
    const json& parts = told["out"]["parts"];
    ASSERT_EQ(parts.size(), 4U);
    EXPECT_EQ(parts[0]["hex"], "02000a00000302000a0000020800");
    EXPECT_THAT(parts[1]["hex"], HasSubstr("0a0000020a000003"));
    EXPECT_THAT(parts[2]["hex"], HasSubstr("13d8"));
    EXPECT_EQ(parts[2]["name"], "gue");
    EXPECT_THAT(parts[3]["hex"], HasSubstr("0a000001c0000201"));
}

TEST_F(LbdExplain, NeitherFlowsNorCountersChange) {
    const auto state = [&] { return lbd_->show("flows").dump() + lbd_->show("counters").dump(); };
    const std::string before = state();
    for (const char* packet : {"--flags ack", "--flags ack", "--flags rst", "--proto udp", "--length 2000"})
        explained("192.0.2.1:80", packet);
    explained("192.0.2.9:80", "");
    EXPECT_EQ(state(), before);
}

TEST_F(LbdExplain, AFlowThatTheTableKnows) {
    const HttpServer web(backend(), "backend");
    Capture requests(client(), "eth0", "tcp and dst host 2001:db8::1 and (ip6[53] & 2 != 0)");
    EXPECT_EQ(http_get(client(), vip6), "backend\n");
    balancer().write("/run/syn.pcap", requests.stop().bytes());
    const json told = explained("--pcap /run/syn.pcap").at(0);
    EXPECT_EQ(told["service"]["name"], "web6");
    EXPECT_EQ(told["verdict"], "sent");
    // The client has closed the connection. A later packet without SYN finds the entry, a SYN begins a new flow.
    const std::string from = told["packet"]["text"].get<std::string>().substr(0, std::string("[fd00::1]:65535").size());
    const std::string source = from.substr(0, from.find(' '));
    EXPECT_EQ(explained(fmt::format("--src {} --dst [2001:db8::1]:80 --flags ack", source)).at(0)["flow"]["known"],
              true);
    EXPECT_EQ(explained(fmt::format("--src {} --dst [2001:db8::1]:80 --flags syn", source)).at(0)["flow"]["known"],
              false);
}

// The same packets from tcpdump, editcap and mergecap: a SYN, a datagram, a segment of the full MTU.
class LbdExplainCaptures : public LbdExplain {
  protected:
    void SetUp() override {
        LbdExplain::SetUp();
        if (IsSkipped()) return;
        client().write("/run/send.py", R"py(
import socket, struct, sys
def sum16(b):
    total = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def ip(protocol, body):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0x4000, 64, protocol, 0,
                       socket.inet_aton("10.0.0.1"), socket.inet_aton("192.0.2.1"))
    return head[:10] + struct.pack("!H", sum16(head)) + head[12:] + body
def tcp(flags, size): return struct.pack("!HHIIBBHHH", 4000, 80, 1, 1, 0x50, flags, 1024, 0, 0) + bytes(size)
def udp(size): return struct.pack("!HHHH", 4000, 53, 8 + size, 0) + bytes(size)
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for packet in ip(6, tcp(2, 0)), ip(17, udp(100)), ip(6, tcp(16, 1360)): s.sendto(packet, ("192.0.2.1", 0))
)py");
    }

    /// Captures with tcpdump and these options while the client sends to the VIP, into a file of the balancer.
    void capture(const std::string& options, const std::string& path) {
        Process tcpdump = client().spawn(
            fmt::format("tcpdump --immediate-mode -U -Z root -c 3 -w {} {} dst host 192.0.2.1", path, options));
        tcpdump.wait_for("listening on");
        client().must("python3 /run/send.py");
        const Output output = tcpdump.wait();
        ASSERT_TRUE(output.ok()) << output;
        balancer().write(path, client().read(path));
    }
    /// "sent 86, sent 182": a result for each packet.
    static std::string brief(const json& told) {
        std::string text;
        for (const json& one : told) {
            text += (text.empty() ? "" : ", ") + one["verdict"].get<std::string>();
            if (one.contains("out")) text += fmt::format(" {}", one["out"]["bytes"].get<int>());
        }
        return text;
    }
    std::string briefly(const std::string& path) { return brief(explained("--pcap " + path)); }
    std::string shell(const std::string& command) {
        const Output output = balancer().run({"sh", "-c", command});
        EXPECT_TRUE(output.ok()) << command << '\n' << output;
        return output.out;
    }
};

TEST_F(LbdExplainCaptures, OfAnyLinkTypeLengthAndFormat) {
    const std::string all = "sent 86, sent 174, sent 1446";
    capture("-i eth0", "/run/whole.pcap");
    EXPECT_EQ(briefly("/run/whole.pcap"), all);
    for (const char* type : {"LINUX_SLL", "LINUX_SLL2"}) {
        capture(fmt::format("-i any -y {}", type), "/run/any.pcap");
        EXPECT_EQ(briefly("/run/any.pcap"), all) << type;
    }
    capture("-i eth0 -s 60", "/run/short.pcap");
    const json told = explained("--pcap /run/short.pcap");
    EXPECT_EQ(brief(told), all);
    EXPECT_FALSE(told[0]["packet"].contains("captured"));
    const int captured = told[2]["packet"]["captured"];  // libpcap captures some bytes less
    EXPECT_THAT(captured, testing::AllOf(testing::Le(60), testing::Ge(54)));
    EXPECT_EQ(told[2]["packet"]["bytes"], 1414);
    EXPECT_THAT(balancer().must(CULVERT_LBD " explain --pcap /run/short.pcap"),
                HasSubstr(fmt::format("tcp ack, 1414 bytes, {} of them captured, by eth0\n", captured)));
    capture("-i eth0 -s 48", "/run/shorter.pcap");
    EXPECT_EQ(briefly("/run/shorter.pcap"), "unknown, sent 174, unknown");

    // As raw IP, with other timestamps, in the other format; with several interfaces of several link types in one file.
    for (const char* command :
         {"editcap -C 14 -L -T rawip /run/whole.pcap /run/raw.pcap",
          "editcap -C 14 -L -T rawip4 -F nsecpcap /run/whole.pcap /run/raw4.pcap",
          "editcap -F pcapng /run/whole.pcap /run/ng.pcapng", "editcap -F nsecpcap /run/whole.pcap /run/ns.pcap",
          "editcap -F modpcap /run/whole.pcap /run/mod.pcap", "editcap -F pcapng -s 60 /run/whole.pcap /run/cut.pcapng",
          "mergecap -a -F pcapng -w /run/merged.pcapng /run/whole.pcap /run/raw.pcap /run/any.pcap /run/short.pcap"})
        balancer().must(command);
    for (const char* path : {"raw.pcap", "raw4.pcap", "ng.pcapng", "ns.pcap", "mod.pcap", "cut.pcapng"})
        EXPECT_EQ(briefly(fmt::format("/run/{}", path)), all) << path;
    EXPECT_EQ(briefly("/run/merged.pcapng"), fmt::format("{0}, {0}, {0}, {0}", all));

    shell("mkfifo /run/fifo");
    const Process feeder = balancer().spawn({"sh", "-c", "cat /run/whole.pcap > /run/fifo"});
    EXPECT_EQ(briefly("/run/fifo"), all);
    const std::string piped = CULVERT_LBD " explain -j --pcap - < /run/ng.pcapng";
    EXPECT_EQ(brief(json::parse(shell(piped))), all);
}

TEST_F(LbdExplainCaptures, OneThatIsNotAsItShouldBe) {
    capture("-i eth0", "/run/whole.pcap");
    shell("cd /run; head -c -1 whole.pcap > cut.pcap; head -c 24 whole.pcap > none.pcap; : > empty.pcap");
    const Output cut = balancer().run(CULVERT_LBD " explain -j --pcap /run/cut.pcap");
    EXPECT_EQ(cut.status, 1);
    EXPECT_EQ(brief(json::parse(cut.out)), "sent 86, sent 174");
    EXPECT_THAT(cut.err, HasSubstr("/run/cut.pcap ends within the record"));
    const Output none = balancer().run(CULVERT_LBD " explain -j --pcap /run/none.pcap");
    EXPECT_EQ(none.status, 0);
    EXPECT_EQ(none.out, "[]\n");
    EXPECT_EQ(none.err, "lbd: /run/none.pcap: it contains no packets\n");
    const Output empty = balancer().run(CULVERT_LBD " explain --pcap /run/empty.pcap");
    EXPECT_EQ(empty.status, 2);
    EXPECT_EQ(empty.err, "lbd: /run/empty.pcap is empty\n");

    SCOPED_TRACE("cure of capture_compressed");
    for (const auto& [packer, suffix] :
         {std::pair{"gzip", ".gz"}, {"xz", ".xz"}, {"bzip2", ".bz2"}, {"zstd -q", ".zst"}}) {
        if (!balancer().run({"sh", "-c", fmt::format("{} -k /run/whole.pcap", packer)}).ok()) continue;
        const Output packed = balancer().run(fmt::format("{} explain --pcap /run/whole.pcap{}", CULVERT_LBD, suffix));
        EXPECT_EQ(packed.status, 2);
        const std::string cure = packed.err.substr(packed.err.find(" is compressed: ") + 16);
        EXPECT_THAT(shell(cure), HasSubstr("192.0.2.1:80 tcp syn")) << packed.err;
    }
}

// One record of each length, in a file that no tool would write.
TEST_F(LbdExplainCaptures, FramesOfAnyLength) {
    balancer().write("/run/lengths.py", R"py(
import struct, sys
macs = bytes.fromhex("02000a00000202000a000001")
def sum16(b):
    total = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def frame(size):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0x4000, 64, 6, 0, bytes([10, 0, 0, 1]), bytes([192, 0, 2, 1]))
    head = head[:10] + struct.pack("!H", sum16(head)) + head[12:]
    return macs + b"\x08\x00" + head + struct.pack("!HHIIBBHHH", 4000, 80, 1, 1, 0x50, 16, 1024, 0, 0) + bytes(size - 40)
file = struct.pack(">IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)
for size in 40, 1468, 1469, 3386, 3387, 9000, 65535: file += struct.pack(">IIII", 0, 0, size + 14, size + 14) + frame(size)
tagged = frame(100)
for packet in b"", b"\x02", tagged[:12] + b"\x81\x00\x00\x05" + tagged[12:], tagged[:12] + 3 * b"\x81\x00\x00\x00" + tagged[12:]:
    file += struct.pack(">IIII", 0, 0, len(packet), len(packet)) + packet
open("/run/lengths.pcap", "wb").write(file)
)py");
    balancer().must("python3 /run/lengths.py");
    const json told = explained("--pcap /run/lengths.pcap");
    EXPECT_EQ(brief(told),
              "sent 86, sent 1514, answered 590, dropped, dropped, dropped, dropped, "
              "unknown, unknown, passed, passed");
    EXPECT_EQ(told[2]["reason"], "too_big");
    EXPECT_EQ(told[6]["packet"]["bytes"], 65549);
    for (const std::size_t one : {3U, 4U, 5U, 6U}) EXPECT_EQ(told[one]["reason"], "merged") << one;
    EXPECT_THAT(told[9]["passed_text"], HasSubstr("it is in VLAN 5, for which this host has no device"));
    EXPECT_THAT(told[10]["passed_text"], HasSubstr("3 VLAN tags"));

    // With a larger MTU they fit, even those that are longer than the program can be tested with.
    balancer().ip("route add 10.0.0.3/32 dev eth0 mtu 9000\n");
    EXPECT_TRUE(eventually([&] { return explained("192.0.2.1:80", "")["backend"]["longest"] == 8968; }));
    const auto sent = [&](int length) {
        return brief(json::array({explained("192.0.2.1:80", fmt::format("--flags ack --length {}", length))}));
    };
    EXPECT_EQ(sent(3386), "sent 3432");
    EXPECT_EQ(sent(3387), "sent 3433");
    EXPECT_EQ(sent(8968), "sent 9014");
    EXPECT_EQ(sent(8969), "dropped");
    EXPECT_EQ(explained("192.0.2.1:80", "--flags ack --length 8969")["reason"], "merged");
}

// More than one request to the control socket may contain, in number and in bytes.
TEST_F(LbdExplainCaptures, ThousandsOfThem) {
    capture("-i eth0", "/run/whole.pcap");
    balancer().write("/run/many.py", R"py(
data = open("/run/whole.pcap", "rb").read()
open("/run/many.pcap", "wb").write(data[:24] + data[24:] * 400 + bytes(16) * 700)
)py");
    balancer().must("python3 /run/many.py");
    EXPECT_EQ(explained("--pcap /run/many.pcap").size(), 1900U);
}

TEST_F(LbdExplain, WhyItGoesNowhere) {
    const json lost = explained("192.0.2.9:80", "");
    EXPECT_EQ(lost["verdict"], "dropped");
    EXPECT_EQ(lost["reason"], "no_neighbour");
    EXPECT_EQ(lost["backend"]["address"], "10.0.0.77");
    EXPECT_EQ(explained("192.0.2.1:81", "")["passed_text"], "192.0.2.1 is a VIP, but no service has its port 81/tcp");
    EXPECT_EQ(explained("192.0.2.7:80", "")["passed_text"], "192.0.2.7 is not a VIP");
    const json ping = explained("192.0.2.1:0", "--proto icmp");
    EXPECT_EQ(ping["verdict"], "answered");
    EXPECT_EQ(ping["event"], "echo");
    const json big = explained("192.0.2.1:80", "--length 1469 --flags ack");
    EXPECT_EQ(big["verdict"], "answered");
    EXPECT_EQ(big["reason"], "too_big");
    EXPECT_EQ(explained("192.0.2.1:80", "--length 1468 --flags ack")["verdict"], "sent");
}

TEST_F(LbdExplain, AsAStory) {
    const std::string story = balancer().must(CULVERT_LBD " explain --src 10.0.0.1:40000 --dst 192.0.2.1:80");
    EXPECT_THAT(story, testing::StartsWith("packet    10.0.0.1:40000 > 192.0.2.1:80 tcp syn, 54 bytes, by eth0\n"
                                           "service   web: VIP 192.0.2.1\nflow      not in the flow table (bucket "));
    EXPECT_THAT(story, HasSubstr("\nbackend   10.0.0.3: gue 5080, takes packets of 1468 bytes\n"
                                 "sent      by eth0, 86 bytes\n"
                                 "    ethernet   02 00 0a 00 00 03 02 00 0a 00 00 02 08 00\n"));
    const Output where = balancer().run(CULVERT_LBD " explain --src 10.0.0.1:1 --dst 192.0.2.1:80 --interface eth7");
    EXPECT_EQ(where.status, 1);
    EXPECT_EQ(where.err, "lbd: ask lbd: lbd does not balance on eth7\n");
    EXPECT_EQ(balancer().run(CULVERT_LBD " explain").status, 2);
    EXPECT_EQ(balancer().run(CULVERT_LBD " explain --pcap /run/lbd.yaml").status, 2);
}

}  // namespace
}  // namespace culvert::netns
