// SPDX-License-Identifier: Apache-2.0
#include "lbd/commands.hpp"

#include <array>

#include <CLI/App.hpp>

#include "common/command_line.hpp"
#include "lbd/announce/command.hpp"
#include "lbd/capture/command.hpp"
#include "lbd/drain/command.hpp"
#include "lbd/explain/command.hpp"
#include "lbd/forecast/command.hpp"
#include "lbd/key/command.hpp"
#include "lbd/lifecycle/command.hpp"
#include "lbd/render/command.hpp"
#include "lbd/show/command.hpp"
#include "lbd/watch/command.hpp"

namespace culvert::lbd {
namespace {

constexpr std::array all{
    Command{
        "run", "Balance in the foreground until SIGTERM or SIGINT",
        "The path to each backend follows the kernel's routes and neighbours. SIGHUP reloads the configuration. When\n"
        "lbd ends, packets are still balanced; the next lbd run takes over. lbd waits for an interface that does not\n"
        "exist, and logs a warning. --check also finds what only the kernel can refuse, interfaces that do not exist,\n"
        "and what an earlier lbd left that this one cannot take over. Where no lbd runs, it attaches an XDP program\n"
        "that passes every packet, makes the device of the health checks, and listens for metrics, for a moment.",
        declare_run, run},
    Command{
        "reload", "Read the configuration again",
        "No packet and no flow is lost. A bad configuration (exit status 2) changes nothing; neither does a failure\n"
        "(exit status 1), for example an interface, a port or room in the kernel's maps that lbd cannot get. The\n"
        "configuration must be a regular file.",
        [](CLI::App&, Options&) {}, reload},
    Command{
        "plan", "Say what a reload would change, and which live connections it would move",
        "Nothing changes. The running lbd reads the file and prepares everything as a reload does, so what a reload\n"
        "refuses is refused with the same words. CHANGE: the slots of a service's Maglev table that get another\n"
        "backend. LIVE: all live connections of the service. STAY: those in slots that change, which keep their\n"
        "backend. MOVE: those that get another one, and break. Other balancers of the cluster count their own. Exit\n"
        "status 3 if anything would change.",
        declare_plan, plan},
    Command{
        "drain", "Send a backend no new flows",
        "Its flows stay with it until they end. The backend stays drained until lbd undrain, also after reloads and\n"
        "restarts. If that cannot be written to disk, nothing changes. A half-closed connection counts as a live flow\n"
        "until it has been silent for ten seconds.",
        declare_drain, drain},
    Command{"undrain", "Use a backend as configured again", "", declare_undrain, undrain},
    Command{
        "leave", "Withdraw all VIPs, so that traffic goes to other balancers",
        "Packets that still arrive are balanced. Nothing is announced until lbd join or a reboot, also after reloads\n"
        "and restarts. Before you stop or update a balancer: lbd leave --wait.",
        declare_leave, leave},
    Command{"join", "Announce VIPs again after lbd leave", "", [](CLI::App&, Options&) {}, join},
    Command{
        "ready", "Say by the exit status whether VIPs are announced",
        "0: yes, 1: no. It looks at the kernel's routes, and works when no lbd runs, too: for keepalived and load\n"
        "balancers in front. --joined --wait is for the start of a routing daemon: VIPs are announced from before if\n"
        "lbd and the routing daemon have both been killed.",
        declare_ready, ready},
    Command{
        "withdraw", "Withdraw all VIPs when no lbd runs",
        "lbd's routes outlive it, as the balancing does. The unit lbd-withdraw.service runs this command if systemd\n"
        "does not restart lbd any more.",
        [](CLI::App&, Options&) {}, withdraw},
    Command{"stop", "Stop the running balancer",
            "Packets are still balanced and VIPs announced, unless --detach is given: then VIPs are withdrawn first.",
            declare_stop, stop},
    Command{"check", "Check the configuration",
            "Each error is printed as file:line:column: what is wrong, what would be right.", declare_config, check},
    Command{"show", "Show what the running balancer does",
            "Each packet to a VIP that is not forwarded is counted in counters, for one reason.", declare_show, show},
    Command{"watch", "Show what is forwarded and dropped, each second",
            "Packets, bits and new flows per second of each service and backend, and drops by reason.", declare_watch,
            watch},
    Command{
        "capture", "Show or save packets as they arrive and leave",
        "Each packet has a line that says what lbd did with it and why. In a pcapng file this is the packet's "
        "comment.\n"
        "Frames that a driver refused after lbd had sent them (not_sent) have a line with their number, the interface\n"
        "and the error; in a file, a packet of no bytes with this comment. Drivers do not tell which frames they "
        "were,\n"
        "so neither --service nor a filter selects them. The filter is as in pcap-filter(7).",
        declare_capture, capture},
    Command{
        "explain", "Show what would happen to a packet, step by step",
        "The loaded program itself decides; nothing is counted or sent. A capture file has Ethernet frames, raw IP\n"
        "packets, or packets that tcpdump captured on \"any\". Bytes that were not captured count as zero, unless lbd\n"
        "looks at them. If the file was cut off, the packets before that are explained, and the exit status is 1.",
        declare_explain, explain},
    Command{"keygen", "Print a new key for a cluster",
            "A random one, as key_file of lbd.yaml has it: lbd keygen | install -o culvert -m 600 /dev/stdin\n"
            "/etc/culvert/cluster.key. Copy it to all balancers of the cluster, and show it nobody else.",
            [](CLI::App&, Options&) {}, keygen},
    Command{"render", "Print the configuration of a backend or of a routing daemon",
            "For bird, frr and keepalived it is a whole file, which fits announce of lbd.yaml.", declare_render,
            render},
};

void declare_common(CLI::App& app, Options& options) {
    app.add_option("--socket", options.socket,
                   "The control socket (default /run/culvert/lbd/lbd.sock, with --netns lbd-NAME.sock there)")
        ->type_name("PATH");
    common::add_netns_and_color(app, options.netns, options.color);
}

}  // namespace

const std::span<const Command> commands = all;

void declare(CLI::App& app, Options& options) {
    app.name("lbd");
    app.description("Layer-4 load balancer with direct server return");
    common::declare_commands(app, commands, [&options](CLI::App& at, const Command* command) {
        if (command != nullptr) command->declare(at, options);
        declare_common(at, options);
    });
}

}  // namespace culvert::lbd
