// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <map>
#include <memory>

#include "common/fd.hpp"
#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// HTTP and HTTPS by libcurl, whose transfers all run in the event loop.
class HttpClient {
  public:
    [[nodiscard]] static netlink::Result<std::unique_ptr<HttpClient>> open(EventLoop& loop, const OwnSockets& own);
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// A request on a connection of its own. The client must outlive the probe.
    [[nodiscard]] StartedProbe start(const HttpCheck& check, const Subject& subject, Probe::Done done);

  private:
    struct Cleanup {
        void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
    };

    /// By a descriptor of our own: libcurl may close its own before it says that it needs no watching any more, and the
    /// next socket has its number.
    struct Watched {
        common::Fd socket;
        EventLoop::Source source;  // goes first
    };

    HttpClient(EventLoop& loop, const OwnSockets& own, CURLM* multi) : loop_(loop), own_(own), multi_(multi) {}

    /// libcurl tells which of its sockets to wait for.
    static int watch(CURL* easy, curl_socket_t socket, int what, void* self, void* data);
    /// Something has happened to a socket, or time has passed (CURL_SOCKET_TIMEOUT).
    void act(curl_socket_t socket, int events);
    void arm();

    EventLoop& loop_;
    OwnSockets own_;
    EventLoop::Source timer_;
    std::map<curl_socket_t, Watched> sockets_;
    std::unique_ptr<CURLM, Cleanup> multi_;  // goes first: it still calls watch()
};

}  // namespace culvert::lbd
