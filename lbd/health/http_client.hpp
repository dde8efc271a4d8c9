// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <map>
#include <memory>

#include "common/fd.hpp"
#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// HTTP and HTTPS by libcurl. All transfers run in the event loop.
class HttpClient {
  public:
    [[nodiscard]] static netlink::Result<std::unique_ptr<HttpClient>> open(EventLoop& loop, const OwnSockets& own);
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Starts a request on a connection of its own. The client must outlive the probe.
    [[nodiscard]] StartedProbe start(const HttpCheck& check, const Subject& subject, Probe::Done done);

  private:
    struct Cleanup {
        void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
    };

    /// A duplicate of libcurl's descriptor is watched: libcurl may close its own before it says so, and the next socket
    /// would get the same number.
    struct Watched {
        common::Fd socket;
        EventLoop::Source source;  // destroyed first
    };

    HttpClient(EventLoop& loop, const OwnSockets& own, CURLM* multi) : loop_(loop), own_(own), multi_(multi) {}

    /// libcurl calls this to say which of its sockets to watch.
    static int watch(CURL* easy, curl_socket_t socket, int what, void* self, void* data);
    /// Tells libcurl that a socket is ready, or that time has passed (CURL_SOCKET_TIMEOUT).
    void act(curl_socket_t socket, int events);
    void arm();

    EventLoop& loop_;
    OwnSockets own_;
    EventLoop::Source timer_;
    std::map<curl_socket_t, Watched> sockets_;
    std::unique_ptr<CURLM, Cleanup> multi_;  // destroyed first, as that still calls watch()
};

}  // namespace culvert::lbd
