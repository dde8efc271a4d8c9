// SPDX-License-Identifier: Apache-2.0
#include "lbd/key/source.hpp"

#include <string>
#include <utility>

#include "lbd/key/key_file.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

class KeyedSource final : public ConfigSource {
  public:
    KeyedSource(std::unique_ptr<ConfigSource> source, OwnKey own) : source_(std::move(source)), own_(std::move(own)) {}

    [[nodiscard]] std::string_view name() const override { return source_->name(); }

    [[nodiscard]] ConfigResult read() override {
        auto config = source_->read();
        if (!config) return config;
        auto key = read_key(config->cluster);
        if (!key)
            return tl::unexpected(ConfigErrors{{.place = std::string(source_->name()), .text = key.error().message()}});
        config->cluster.key = *key;
        return config;
    }

    [[nodiscard]] Result<> watch(common::EventLoop& loop, News news) override {
        return source_->watch(loop, std::move(news));
    }

  private:
    [[nodiscard]] Result<std::optional<ClusterKey>> read_key(const Cluster& cluster) const {
        if (!cluster.key_file.empty()) return read_key_file(cluster.key_file);
        switch (own_.use) {
            case OwnKey::Use::none:
                return std::nullopt;
            case OwnKey::Use::look:
                return look_for_own_key(own_.state_directory);
            case OwnKey::Use::make:
                return own_key(own_.state_directory);
        }
        return std::nullopt;
    }

    std::unique_ptr<ConfigSource> source_;
    OwnKey own_;
};

}  // namespace

std::unique_ptr<ConfigSource> with_key(std::unique_ptr<ConfigSource> source, OwnKey own) {
    return std::make_unique<KeyedSource>(std::move(source), std::move(own));
}

}  // namespace culvert::lbd
