// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/host.hpp"
#include "tests/netns/harness/process.hpp"

/// Connections to port 7 of 192.0.2.1, which notice when a packet is answered by another server than the first one.
namespace culvert::netns {

/// Echoes TCP and UDP data, with the host's name in front. Returns when it listens.
inline Process echo_server(const Host& host) {
    host.write("/run/server.py", R"py(
import resource, selectors, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
name, ready = sys.argv[1].encode(), selectors.DefaultSelector()
listener = socket.create_server(("192.0.2.1", 7), backlog=4096)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
SO_RCVBUFFORCE = 33
udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
udp.bind(("192.0.2.1", 7))
for one in listener, udp: ready.register(one, selectors.EVENT_READ)
print("ready", file=sys.stderr, flush=True)
while True:
    for key, _ in ready.select():
        one = key.fileobj
        if one is listener:
            ready.register(one.accept()[0], selectors.EVENT_READ)
        elif one is udp:
            data, client = one.recvfrom(100)
            one.sendto(name + b" " + data, client)
        else:
            try: one.send(name + b" " + one.recv(100))
            except OSError: ready.unregister(one)
)py");
    Process process = host.spawn("python3 /run/server.py " + host.name());
    process.wait_for("ready");
    return process;
}

struct EchoFlows {
    int streams = 2'000;  ///< connections that last
    int datagrams = 20;   ///< UDP flows
    int short_lived = 0;  ///< connections of which one ends and another one begins all the time
};

/// Keeps flows busy until it is stopped. Returns when the first ones are established.
inline Process echo_load(const Host& client, const EchoFlows& flows = {}) {
    client.write("/run/load.py", R"py(
import collections, json, resource, selectors, signal, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
ready, running = selectors.DefaultSelector(), True
class Flow:
    def __init__(self, kind):
        self.kind, self.socket, self.begun = kind, socket.socket(socket.AF_INET, kind), time.monotonic()
        self.socket.connect(("192.0.2.1", 7))
        self.server, self.sent, self.answers, self.is_broken = None, 0, 0, False
        ready.register(self.socket, selectors.EVENT_READ, self)
    def send(self):
        self.sent += 1
        try: self.socket.send(b"%d\n" % self.sent)
        except OSError as error: self.fail(error)
    def fail(self, error):
        if self.kind == socket.SOCK_DGRAM or self.is_broken: return
        self.is_broken = True
        # Balancers tell each other of a connection some milliseconds after it has begun.
        result["broken" if time.monotonic() - self.begun > 0.1 else "young"] += 1
        print(f"{time.time():.3f} after {time.monotonic() - self.begun:.3f} s, port {self.socket.getsockname()[1]} of {self.server}: {error}", file=sys.stderr, flush=True)
        ready.unregister(self.socket)
    def close(self):
        if not self.is_broken: ready.unregister(self.socket)
        self.socket.close()
    def receive(self):
        for line in self.socket.recv(4096).splitlines():
            name, number = line.split()
            self.answers += 1
            result["broken"] += self.kind == socket.SOCK_STREAM and int(number) != self.answers
            self.server = self.server or name
            result["moved" if self.kind == socket.SOCK_STREAM else "udp_moved"] += name != self.server
result = collections.Counter({"moved": 0, "udp_moved": 0, "broken": 0, "young": 0, "short": 0})
def receive(timeout):
    for key, _ in ready.select(timeout):
        try: key.data.receive()
        except OSError as error: key.data.fail(error)
def stop(*_):
    global running
    running = False
signal.signal(signal.SIGTERM, stop)
streams, datagrams, short = (int(number) for number in sys.argv[1:4])
lasting = [Flow(socket.SOCK_STREAM) for _ in range(streams)]
for flow in lasting: flow.send()
while any(flow.answers == 0 for flow in lasting): receive(1)
udp = [Flow(socket.SOCK_DGRAM) for _ in range(datagrams)]
for flow in udp:  # one by one: what the queues of a busy machine drop at the start is nobody's fault
    while flow.answers == 0:
        flow.send()
        receive(1)
    flow.sent = flow.answers
print("running", file=sys.stderr, flush=True)
turn, others = 0, []
while running:
    for flow in (lasting[turn % streams], udp[turn % datagrams]):
        if flow.answers == flow.sent or flow.kind == socket.SOCK_DGRAM: flow.send()
    turn += 1
    if short and turn % 10 == 0:  # one ends and another one begins
        if len(others) == short and others[0].answers == others[0].sent: others.pop(0).close()
        if len(others) < short:
            others.append(Flow(socket.SOCK_STREAM))
            result["short"] += 1
    for flow in others[turn % 10::10]:
        if flow.answers == flow.sent: flow.send()
    receive(0.001)
end, end_of_udp = time.monotonic() + 10, time.monotonic() + 1
flows = lasting + others
def is_waiting(flow): return flow.answers < flow.sent and not flow.is_broken
while any(map(is_waiting, flows)) and time.monotonic() < end: receive(0.1)
while any(map(is_waiting, udp)) and time.monotonic() < end_of_udp: receive(0.1)
result["datagrams"] = sum(flow.sent for flow in udp)
result["lost"] = sum(flow.sent - flow.answers for flow in udp)
result["stuck"] = sum(map(is_waiting, flows))
print(json.dumps(result))
)py");
    Process process =
        client.spawn(fmt::format("python3 /run/load.py {} {} {}", flows.streams, flows.datagrams, flows.short_lived));
    process.wait_for("running");
    return process;
}

/// Stops it. What became of its flows, or what it has complained of.
inline nlohmann::json echo_outcome(Process& load) {
    const Output output = load.stop();
    return output.ok() ? nlohmann::json::parse(output.out) : nlohmann::json(output.err);
}

/// Whether no flow has moved and no connection was broken. Of those that are short-lived, few may be broken as they
/// begin: another balancer got a packet before it was told.
inline bool kept_all(const nlohmann::json& outcome) {
    return outcome.is_object() && outcome["moved"] == 0 && outcome["udp_moved"] == 0 && outcome["broken"] == 0 &&
           outcome["stuck"] == 0 && 20 * outcome["young"].get<int>() <= outcome["short"].get<int>();
}

}  // namespace culvert::netns
