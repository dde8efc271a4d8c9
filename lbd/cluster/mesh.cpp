// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/mesh.hpp"

#include <utility>

namespace culvert::lbd {

class Mesh::Impl {
  public:
    Introduction own;
};

Mesh::Mesh(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mesh::~Mesh() = default;

netlink::Result<std::unique_ptr<Mesh>> Mesh::open(EventLoop& /*loop*/, const Cluster& /*config*/,
                                                  const ClusterKey& /*key*/, Introduction own, MeshCalls /*calls*/) {
    auto impl = std::make_unique<Impl>();
    impl->own = std::move(own);
    return std::unique_ptr<Mesh>(new Mesh(std::move(impl)));
}

void Mesh::share(const Exceptions& /*exceptions*/) {}
void Mesh::tell(std::vector<ServiceView> /*views*/) {}
void Mesh::introduce(Introduction own) { impl_->own = std::move(own); }
bool Mesh::agrees(const std::string& /*service*/) const { return true; }
bool Mesh::joined() const { return true; }
ClusterStatus Mesh::status() const { return {.name = impl_->own.name, .version = impl_->own.version}; }

}  // namespace culvert::lbd
