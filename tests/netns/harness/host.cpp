// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace culvert::netns {

namespace {

void check(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

void in_a_thread(const std::function<void()>& function) {
    std::exception_ptr failure;
    std::thread([&] {
        try {
            function();
        } catch (...) {
            failure = std::current_exception();
        }
    }).join();
    if (failure) std::rethrow_exception(failure);
}

void write_file(const std::string& path, std::string_view content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) throw std::system_error(errno, std::generic_category(), path);
}

std::string path_of_sysctl(std::string_view name) {
    std::string path(name);
    std::ranges::transform(path, path.begin(), [](char c) { return c == '.' ? '/' : c == '/' ? '.' : c; });
    return "/proc/sys/" + path;
}

void mount_own_directories() {
    check(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount / private");
    check(mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"), "mount /run");
    std::filesystem::create_directories("/var/lib/culvert");
    check(mount("tmpfs", "/var/lib/culvert", "tmpfs", 0, "mode=0755"), "mount /var/lib/culvert");
    check(mount("sysfs", "/sys", "sysfs", 0, nullptr), "mount /sys");
    check(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), "mount /sys/fs/bpf");
}

void set_defaults() {
    for (const auto* device : {"all", "default"}) {
        write_file(fmt::format("/proc/sys/net/ipv6/conf/{}/accept_dad", device), "0");
        write_file(fmt::format("/proc/sys/net/ipv6/conf/{}/accept_ra", device), "0");
        write_file(fmt::format("/proc/sys/net/ipv4/conf/{}/rp_filter", device), "1");
    }
    const FileDescriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq lo{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
    lo.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    check(ioctl(socket.get(), SIOCSIFFLAGS, &lo), "set lo up");
}

bool enter(int network, int mounts) { return setns(mounts, CLONE_NEWNS) == 0 && setns(network, CLONE_NEWNET) == 0; }

}  // namespace

Host::Host(std::string name) : name_(std::move(name)) {
    in_a_thread([this] {
        check(unshare(CLONE_NEWNET | CLONE_NEWNS), "make a network and a mount namespace");
        mount_own_directories();
        set_defaults();
        network_ = FileDescriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        mounts_ = FileDescriptor(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    });
}

Output Host::run(const Arguments& arguments, std::string_view input, Milliseconds timeout) const {
    return spawn(arguments, input).wait(timeout);
}

Output Host::run(std::string_view command, std::string_view input, Milliseconds timeout) const {
    return run(split_words(command), input, timeout);
}

std::string Host::must(std::string_view command, std::string_view input, Milliseconds timeout) const {
    const Output output = run(command, input, timeout);
    if (!output.ok())
        throw std::runtime_error(fmt::format("{}: {}\n{}exit status {}\n{}{}", name_, command, input, output.status,
                                             output.out, output.err));
    return output.out;
}

void Host::ip(std::string_view lines) const { must("ip -batch -", lines); }

Process Host::spawn(const Arguments& arguments, std::string_view input) const {
    const std::string directory = std::filesystem::current_path();
    return {arguments, input,
            [this, &directory] { return enter(network_.get(), mounts_.get()) && chdir(directory.c_str()) == 0; }};
}

Process Host::spawn(std::string_view command, std::string_view input) const {
    return spawn(split_words(command), input);
}

void Host::write(const std::string& path, std::string_view content) const {
    within([&] {
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        write_file(path, content);
    });
}

std::string Host::read(const std::string& path) const {
    std::string content;
    within([&] {
        std::ifstream file(path, std::ios::binary);
        if (!file) throw std::system_error(errno, std::generic_category(), path);
        std::ostringstream bytes;  // in the library, which is optimised
        bytes << file.rdbuf();
        content = std::move(bytes).str();
    });
    return content;
}

void Host::set_sysctl(std::string_view name, std::string_view value) const {
    within([&] { write_file(path_of_sysctl(name), value); });
}

std::string Host::sysctl(std::string_view name) const {
    std::string value = read(path_of_sysctl(name));
    if (value.ends_with('\n')) value.pop_back();
    return value;
}

void Host::within(const std::function<void()>& function) const {
    in_a_thread([&] {
        check(unshare(CLONE_FS),
              "unshare the root directory");  // a thread shares it, and may not enter mount namespaces then
        check(enter(network_.get(), mounts_.get()) ? 0 : -1, "enter a host");
        function();
    });
}

std::string Host::namespace_path() const { return fmt::format("/proc/{}/fd/{}", getpid(), network_.get()); }

}  // namespace culvert::netns
