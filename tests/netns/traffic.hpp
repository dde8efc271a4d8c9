// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/clients.hpp"
#include "tests/netns/harness/host.hpp"
#include "tests/netns/harness/process.hpp"
#include "tests/netns/harness/servers.hpp"

/// Traffic of clients to port 7 and 80 of 192.0.2.1 and 2001:db8::1, half of it to each. Each end of a connection is
/// checked by the backend that has it: that tells its number by its MSS when it accepts, and by its name in each
/// answer.
namespace culvert::netns {

/// The MSS by which the backend of this number is known.
inline int mss_of(int backend) { return 1'200 + 20 * backend; }

/// What backends serve: TCP and UDP that is echoed with the backend's name in front, and a page.
class TrafficServers {
  public:
    /// Returns when they listen.
    explicit TrafficServers(const Host& host) : echo_(start(host)), web_(host, host.name()) {
        web_.serve("page", noise(page_size));
        echo_.wait_for("ready");
    }

    static constexpr std::size_t page_size = 3'000;

  private:
    static Process start(const Host& host) {
        host.write("/run/server.py", R"py(
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
name, ready = sys.argv[1].encode(), selectors.DefaultSelector()
def accept(listener):
    ready.register(listener.accept()[0], selectors.EVENT_READ, answer)
def echo(udp):
    data, client = udp.recvfrom(100)
    udp.sendto(name + b" " + data, client)
def answer(connection):
    try:
        data = connection.recv(100)
        if data: return connection.send(name + b" " + data)
    except OSError: pass
    ready.unregister(connection)
    connection.close()
SO_RCVBUFFORCE = 33
for family, vip in (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"):
    ready.register(socket.create_server((vip, 7), family=family, backlog=4096), selectors.EVENT_READ, accept)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    udp.bind((vip, 7))
    ready.register(udp, selectors.EVENT_READ, echo)
print("ready", file=sys.stderr, flush=True)
while True:
    for key, _ in ready.select(): key.data(key.fileobj)
)py");
        return host.spawn("python3 /run/server.py " + host.name());
    }

    Process echo_;
    HttpServer web_;
};

struct Flows {
    int streams;      ///< TCP connections that last
    int datagrams;    ///< UDP flows
    int short_lived;  ///< TCP connections of which one ends and another one begins all the time
};

/// Python of both clients. Times are seconds of the clock that std::chrono::steady_clock has, too.
inline constexpr const char* traffic_client = R"py(
import itertools, json, os, resource, selectors, signal, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
ready, running, now = selectors.DefaultSelector(), True, time.monotonic
broken = []  # [begun, end, backend, why]
ports = itertools.count(int(sys.argv[1]))  # a port that is used again may still be known as that of a broken connection
class Connection:
    def __init__(self, number, port):
        self.begun = self.tried = now()
        self.server, self.is_broken, self.data = None, False, b""
        self.socket = socket.socket((socket.AF_INET, socket.AF_INET6)[number % 2], socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.bind((("0.0.0.0", "::")[number % 2], next(ports)))
        self.socket.connect_ex((("192.0.2.1", "2001:db8::1")[number % 2], port))
        ready.register(self.socket, selectors.EVENT_WRITE, self)
    def wake(self):
        try:
            if self.server is not None: return self.receive(self.socket.recv(65536))
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error: return self.fail(os.strerror(error))
            self.begun = now()  # before, SYNs may have gone to a dead backend
            # Without the option of timestamps, which takes 12 bytes.
            self.server = "b%d" % ((self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) + 12 - 1200) // 20)
            ready.modify(self.socket, selectors.EVENT_READ, self)
            self.say()
        except OSError as error: self.fail(str(error))
    def fail(self, why):
        if self.is_broken: return
        broken.append([self.begun, now(), self.server, "%s, port %d" % (why, self.socket.getsockname()[1])])
        print(broken[-1], file=sys.stderr, flush=True)
        self.close()
        self.is_broken = True
    def close(self):
        if not self.is_broken: ready.unregister(self.socket)
        self.socket.close()
def stop(*_):
    global running
    running = False
signal.signal(signal.SIGTERM, stop)
def receive(until):
    while True:
        for key, _ in ready.select(max(0, until - now())): key.data.wake()
        if now() >= until: return
def wait_for(done, timeout):
    end = now() + timeout
    while not done() and now() < end: receive(now() + 0.05)
)py";

inline constexpr const char* traffic_flows = R"py(
class Stream(Connection):
    def __init__(self, number):
        super().__init__(number, 7)
        self.sent = self.answers = 0
    def say(self):
        if self.is_broken or self.server is None or self.answers < self.sent: return
        self.sent += 1
        try: self.socket.send(b"%d\n" % self.sent)
        except OSError as error: self.fail(str(error))
    def receive(self, data):
        if not data: return self.fail("closed")
        *lines, self.data = (self.data + data).split(b"\n")
        for line in lines:
            self.answers += 1
            if line != b"%s %d" % (self.server.encode(), self.answers): return self.fail("wrong answer %s" % line)
    def is_waiting(self): return not self.is_broken and (self.server is None or self.answers < self.sent)
class Datagrams:
    def __init__(self, number):
        self.socket = socket.socket((socket.AF_INET, socket.AF_INET6)[number % 2], socket.SOCK_DGRAM)
        self.socket.connect((("192.0.2.1", "2001:db8::1")[number % 2], 7))
        self.server, self.since = None, 0
        self.sent, self.answers, self.newest, self.waiting = 0, 0, 0, {}
        ready.register(self.socket, selectors.EVENT_READ, self)
    def say(self):
        self.sent += 1
        self.waiting[self.sent] = [now(), self.server and self.server.decode()]
        try: self.socket.send(b"%d" % self.sent)
        except OSError: pass
    def wake(self):
        try: name, number = self.socket.recv(100).split()
        except OSError: return
        self.answers += 1
        self.waiting.pop(int(number), None)
        if int(number) < self.newest: return  # it says nothing of where the flow is now
        self.newest = int(number)
        if self.server == name: return
        if self.server:
            moved.append([self.since, now(), self.server.decode(), "UDP of %s, now %s" % (self.server.decode(), name.decode())])
            self.since = now()
        self.server = name
# Of UDP: [since when it had the backend, until when, backend, text]. 0: from the start.
moved = []
streams, datagrams, short, rate = map(int, sys.argv[2:])
lasting = []
for number in range(streams):  # not more at a time than servers queue
    lasting.append(Stream(number))
    if number % 100 == 99 or number + 1 == streams: wait_for(lambda: all(one.answers for one in lasting), 60)
udp = [Datagrams(number) for number in range(datagrams)]
for one in udp:  # what the queues of a busy machine drop at the start is nobody's fault
    while one.answers == 0:
        one.say()
        receive(now() + 0.01)
    one.waiting.clear()
print("running", file=sys.stderr, flush=True)
turn, others, begun, tick, longest = 0, [], 0, now(), 0
while running:
    for _ in range(2):
        turn += 1
        if lasting[turn % streams].is_broken: lasting[turn % streams] = Stream(turn)
        lasting[turn % streams].say()
        udp[turn % datagrams].say()
    if turn % 20 == 0:  # one ends and another one begins
        if len(others) == short and not others[0].is_waiting(): others.pop(0).close()
        if len(others) < short:
            others.append(Stream(begun))
            begun += 1
    for one in others[turn // 2 % 100::100]: one.say()
    longest = max(longest, now() - tick)
    tick = max(tick + 2 / rate, now() - 0.05)
    receive(tick)
flows = lasting + others
wait_for(lambda: not any(one.is_waiting() for one in flows), 20)
wait_for(lambda: not any(one.waiting for one in udp), 1)
print(json.dumps({"broken": broken, "moved": moved, "begun": streams + begun,
                  "stuck": [[one.begun, one.server] for one in flows if one.is_waiting()],
                  "datagrams": sum(one.sent for one in udp),
                  "lost": sorted(lost for one in udp for lost in one.waiting.values()),
                  "late": longest}))  # seconds that a message was sent too late
)py";

inline constexpr const char* traffic_requests = R"py(
page, pause = open("/run/page", "rb").read(), float(sys.argv[2])
class Request(Connection):
    def __init__(self, number):
        super().__init__(number, 80)
        under_way.add(self)
    def say(self): self.socket.send(b"GET /page HTTP/1.1\r\nHost: www.example\r\nConnection: close\r\n\r\n")
    def receive(self, data):
        self.data += data
        if data: return
        head, _, body = self.data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or body != page: return self.fail("wrong answer %s" % self.data[:100])
        if now() - self.tried > 0.1: slow.append([self.tried, now() - self.tried])
        self.close()
    def close(self):
        super().close()
        under_way.discard(self)
under_way, slow, number, tick = set(), [], 0, now()
print("running", file=sys.stderr, flush=True)
while running:
    Request(number)
    number += 1
    tick = max(tick + pause, now() - 0.1)
    receive(tick)
wait_for(lambda: not under_way, 20)
print(json.dumps({"requests": number, "broken": broken, "slow": slow,
                  "stuck": [[one.begun, one.server] for one in under_way]}))
)py";

/// Keeps flows busy and asks for pages until it is stopped.
class Traffic {
  public:
    /// Returns when the first flows are established.
    Traffic(const Host& client, const Flows& flows, int messages_a_second, int requests_a_second)
        : flows_(spawn(
              client, "flows", traffic_flows,
              fmt::format("10000 {} {} {} {}", flows.streams, flows.datagrams, flows.short_lived, messages_a_second))),
          requests_(spawn(client, "requests", traffic_requests, fmt::format("40000 {}", 1.0 / requests_a_second))) {
        flows_.wait_for("running");
    }

    /// {"flows": …, "requests": …}, or what they have complained of.
    [[nodiscard]] nlohmann::json stop() {
        const Output requests = requests_.stop();
        const Output flows = flows_.stop();
        if (!requests.ok() || !flows.ok()) throw std::runtime_error(requests.err + flows.err);
        return {{"flows", nlohmann::json::parse(flows.out)}, {"requests", nlohmann::json::parse(requests.out)}};
    }

  private:
    static Process spawn(const Host& client, const std::string& name, std::string_view program,
                         const std::string& arguments) {
        client.write("/run/page", noise(TrafficServers::page_size));
        client.write("/run/" + name + ".py", std::string(traffic_client) + std::string(program));
        return client.spawn("python3 /run/" + name + ".py " + arguments);
    }

    Process flows_;
    Process requests_;
};

}  // namespace culvert::netns
