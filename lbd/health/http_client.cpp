// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/http_client.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "lbd/health/connection.hpp"
#include "lbd/model/endpoint.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;

/// The part of an answer's body that is read, in bytes.
constexpr std::size_t most_body = 64 << 10;
constexpr std::size_t most_headers = 64 << 10;

/// Lower case, as in other reasons; acronyms such as "SSL" stay.
std::string lower(std::string text) {
    const auto is_upper = [&](std::size_t at) { return std::isupper(static_cast<unsigned char>(text[at])) != 0; };
    if (text.size() > 1 && is_upper(0) && !is_upper(1))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

std::string text(const StatusRange& range) {
    return range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}-{}", range.first, range.last);
}

/// Scripts do not inherit the socket, and its port does not stay in TIME_WAIT.
int prepare(void* own, curl_socket_t socket, curlsocktype /*purpose*/) {
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    int domain = 0;
    socklen_t size = sizeof domain;
    ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    const auto family = domain == AF_INET ? netlink::Family::ipv4 : netlink::Family::ipv6;
    return static_cast<const OwnSockets*>(own)->admit(socket, family) ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

/// Both return the number of bytes that they accept. Any other number than that offered ends the transfer.
std::size_t keep_body(char* data, std::size_t size, std::size_t count, void* body) {
    auto& kept = *static_cast<std::string*>(body);
    const std::size_t taken = std::min(size * count, most_body - kept.size());
    kept.append(data, taken);
    return taken;
}

std::size_t count_headers(char* /*data*/, std::size_t size, std::size_t count, void* counted) {
    auto& bytes = *static_cast<std::size_t*>(counted);
    bytes += size * count;
    return bytes <= most_headers ? size * count : 0;
}

class HttpProbe : public Probe {
  public:
    HttpProbe(CURLM* multi, HttpCheck check, Done done)
        : multi_(multi), easy_(::curl_easy_init()), check_(std::move(check)), done_(std::move(done)) {}
    ~HttpProbe() override {
        ::curl_multi_remove_handle(multi_, easy_);
        ::curl_easy_cleanup(easy_);
        ::curl_slist_free_all(connect_to_);
    }

    [[nodiscard]] bool start(const OwnSockets& own, const Subject& subject) {
        if (easy_ == nullptr) return false;
        const std::string host = check_.host.empty() ? Endpoint{subject.vip, subject.port}.to_string()
                                                     : fmt::format("{}:{}", check_.host, subject.port);
        const std::string url = fmt::format("{}://{}{}", check_.tls ? "https" : "http", host, check_.path);
        const std::string way = "::" + Endpoint{subject.address, subject.port}.to_string();
        connect_to_ = ::curl_slist_append(nullptr, way.c_str());
        const auto set = [this](CURLoption option, auto value) { ::curl_easy_setopt(easy_, option, value); };
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_CONNECT_TO, connect_to_);
        set(CURLOPT_NOPROXY, "*");
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_FRESH_CONNECT, 1L);
        set(CURLOPT_FORBID_REUSE, 1L);
        set(CURLOPT_USERAGENT, "culvert");
        set(CURLOPT_SSL_VERIFYPEER, check_.verify ? 1L : 0L);
        set(CURLOPT_SSL_VERIFYHOST, check_.verify ? 2L : 0L);
        set(CURLOPT_SOCKOPTFUNCTION, prepare);
        set(CURLOPT_SOCKOPTDATA, &own);
        set(CURLOPT_WRITEFUNCTION, keep_body);
        set(CURLOPT_WRITEDATA, &body_);
        set(CURLOPT_HEADERFUNCTION, count_headers);
        set(CURLOPT_HEADERDATA, &header_bytes_);
        set(CURLOPT_ERRORBUFFER, error_.data());
        set(CURLOPT_PRIVATE, this);
        return ::curl_multi_add_handle(multi_, easy_) == CURLM_OK;
    }

    /// May destroy the probe.
    void finish(CURLcode code) {
        const Done done = std::move(done_);
        done(finding(code));
    }

  private:
    [[nodiscard]] Finding finding(CURLcode code) const {
        if (header_bytes_ > most_headers) return {.reason = fmt::format("more than {} bytes of headers", most_headers)};
        const bool has_enough = code == CURLE_WRITE_ERROR && body_.size() == most_body;
        if (code != CURLE_OK && !has_enough) return {.reason = reason(code)};
        long status = 0;
        ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
        const auto is_in = [&](const StatusRange& range) { return status >= range.first && status <= range.last; };
        if (std::ranges::none_of(check_.status, is_in)) {
            std::vector<std::string> wanted;
            for (const StatusRange& range : check_.status) wanted.push_back(text(range));
            return {.reason = fmt::format("status {}, not {}", status, fmt::join(wanted, ", "))};
        }
        if (body_.find(check_.match) == std::string::npos)
            return {.reason = fmt::format("the body lacks \"{}\"", check_.match)};
        return {.answered = true};
    }

    [[nodiscard]] std::string reason(CURLcode code) const {
        long os_error = 0;
        ::curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os_error);
        if (code == CURLE_COULDNT_CONNECT && os_error != 0) return error_text(static_cast<int>(os_error));
        return lower(error_[0] != '\0' ? error_.data() : ::curl_easy_strerror(code));
    }

    CURLM* multi_;
    CURL* easy_;
    curl_slist* connect_to_ = nullptr;
    HttpCheck check_;
    Done done_;
    std::string body_;
    std::size_t header_bytes_ = 0;
    std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace

netlink::Result<std::unique_ptr<HttpClient>> HttpClient::open(EventLoop& loop, const OwnSockets& own) {
    if (::curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return failure("open", "libcurl", ENOMEM);
    CURLM* multi = ::curl_multi_init();
    if (multi == nullptr) return failure("open", "libcurl", ENOMEM);
    std::unique_ptr<HttpClient> client(new HttpClient(loop, own, multi));
    ::curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    ::curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client.get());
    TRY(client->timer_, loop.timer([self = client.get()] { self->act(CURL_SOCKET_TIMEOUT, 0); }));
    return client;
}

StartedProbe HttpClient::start(const HttpCheck& check, const Subject& subject, Probe::Done done) {
    auto probe = std::make_unique<HttpProbe>(multi_.get(), check, std::move(done));
    if (!probe->start(own_, subject)) return failure("start", "an HTTP request", ENOMEM);
    timer_.arm(std::chrono::milliseconds{0});
    return probe;
}

int HttpClient::watch(CURL* /*easy*/, curl_socket_t socket, int what, void* self, void* /*data*/) {
    auto& client = *static_cast<HttpClient*>(self);
    client.sockets_.erase(socket);
    if (what == CURL_POLL_REMOVE) return 0;
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    Watched watched{.socket = common::Fd(::fcntl(socket, F_DUPFD_CLOEXEC, 0)), .source = {}};
    if (!watched.socket.is_open()) return -1;
    auto source = client.loop_.on_io(watched.socket.get(), events, [&client, socket](std::uint32_t happened) {
        client.act(socket, ((happened & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                               ((happened & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                               ((happened & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
    });
    if (!source) return -1;
    watched.source = *std::move(source);
    client.sockets_.emplace(socket, std::move(watched));
    return 0;
}

void HttpClient::act(curl_socket_t socket, int events) {
    int running = 0;
    ::curl_multi_socket_action(multi_.get(), socket, events, &running);
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        HttpProbe* probe = nullptr;
        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &probe);
        probe->finish(code);
    }
    arm();
}

void HttpClient::arm() {
    long timeout = -1;
    ::curl_multi_timeout(multi_.get(), &timeout);
    if (timeout >= 0) timer_.arm(std::chrono::milliseconds{timeout});
}

}  // namespace culvert::lbd
