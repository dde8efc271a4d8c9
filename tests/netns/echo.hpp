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
    int streams = 2'000;
    int datagrams = 20;  ///< UDP flows
};

/// Keeps flows busy until it is stopped. Returns when the first ones are established.
inline Process echo_load(const Host& client, const EchoFlows& flows = {}) {
    client.write("/run/load.py", R"py(
import collections, json, resource, selectors, signal, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (10000, 10000))
ready, running = selectors.DefaultSelector(), True
class Flow:
    def __init__(self, kind):
        self.kind, self.socket = kind, socket.socket(socket.AF_INET, kind)
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
        result["broken"] += 1
        print(f"{time.time():.3f} port {self.socket.getsockname()[1]} of {self.server}: {error}", file=sys.stderr, flush=True)
        ready.unregister(self.socket)
    def receive(self):
        for line in self.socket.recv(4096).splitlines():
            name, number = line.split()
            self.answers += 1
            result["broken"] += self.kind == socket.SOCK_STREAM and int(number) != self.answers
            self.server = self.server or name
            result["moved" if self.kind == socket.SOCK_STREAM else "udp_moved"] += name != self.server
result = collections.Counter({"moved": 0, "udp_moved": 0, "broken": 0})
def receive(timeout):
    for key, _ in ready.select(timeout):
        try: key.data.receive()
        except OSError as error: key.data.fail(error)
def stop(*_):
    global running
    running = False
signal.signal(signal.SIGTERM, stop)
streams, datagrams = (int(number) for number in sys.argv[1:3])
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
turn = 0
while running:
    for flow in (lasting[turn % streams], udp[turn % datagrams]):
        if flow.answers == flow.sent or flow.kind == socket.SOCK_DGRAM: flow.send()
    turn += 1
    receive(0.001)
end, end_of_udp = time.monotonic() + 10, time.monotonic() + 1
def is_waiting(flow): return flow.answers < flow.sent and not flow.is_broken
while any(map(is_waiting, lasting)) and time.monotonic() < end: receive(0.1)
while any(map(is_waiting, udp)) and time.monotonic() < end_of_udp: receive(0.1)
result["datagrams"] = sum(flow.sent for flow in udp)
result["lost"] = sum(flow.sent - flow.answers for flow in udp)
result["stuck"] = sum(map(is_waiting, lasting))
print(json.dumps(result))
)py");
    Process process = client.spawn(fmt::format("python3 /run/load.py {} {}", flows.streams, flows.datagrams));
    process.wait_for("running");
    return process;
}

/// Stops it. What became of its flows, or what it has complained of.
inline nlohmann::json echo_outcome(Process& load) {
    const Output output = load.stop();
    return output.ok() ? nlohmann::json::parse(output.out) : nlohmann::json(output.err);
}

/// Whether no flow has moved and no connection was broken.
inline bool kept_all(const nlohmann::json& outcome) {
    return outcome.is_object() && outcome["moved"] == 0 && outcome["udp_moved"] == 0 && outcome["broken"] == 0 &&
           outcome["stuck"] == 0;
}

}  // namespace culvert::netns
