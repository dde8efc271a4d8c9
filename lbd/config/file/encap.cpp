// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/encap.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "common/encap.hpp"
#include "lbd/config/file/map.hpp"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;
using common::EncapKind;
using yaml::Value;

/// A key of an encapsulation, from a map.
struct ReadKey {
    Map& map;

    template <typename Encap>
    void operator()(Encap& encap, const PortKey<Encap>& key) const {
        read(encap, key, yaml::port, key.example);
    }
    template <typename Encap, typename Number>
    void operator()(Encap& encap, const NumberKey<Encap, Number>& key) const {
        read(encap, key, yaml::number<Number>(key.noun, key.least, key.most), key.example);
    }
    template <typename Encap>
    void operator()(Encap& encap, const DscpKey<Encap>& key) const {
        read(encap, key, yaml::dscp, key.example);
    }
    template <typename Encap, typename T, std::size_t Count>
    void operator()(Encap& encap, const ChoiceKey<Encap, T, Count>& key) const {
        read(encap, key, yaml::one_of<T>(key.noun, {key.choices.begin(), key.choices.end()}), {});
    }
    template <typename Encap>
    void operator()(Encap& /*encap*/, const MacKey<Encap>& /*key*/) const {}

  private:
    template <typename Encap, typename Row, typename Reader>
    void read(Encap& encap, const Row& key, Reader&& reader, std::string_view example) const {
        if (example.empty())
            map.optional(Key{key.name}, std::forward<Reader>(reader), encap.*key.member);
        else
            map.required(Key{key.name}, std::forward<Reader>(reader), encap.*key.member, example);
    }
};

constexpr auto foreign_keys = std::to_array<yaml::ForeignKey>({
    {"mode", "type"},
    {"kind", "type"},
    {"encap", "type"},
    {"id", "vni"},
    {"dport", "port"},
    {"csum", "checksum"},
    {"vip", "", "the service has it"},
    {"remote", "", "it is the address of the backend"},
    {"remotes", "", "they are the addresses of the backends"},
    {"local", "", "lbd sends from its address on the route to the backend"},
    {"sport", "", "lbd derives it from the flow of the client"},
    {"ttl", "", "lbd always sets 64"},
    {"key", "", "lbd sends GRE without a key"},
    {"keys", "", "lbd sends GRE without a key"},
});

}  // namespace

std::optional<Encap> read_encap(const Value& value) {
    EncapKind kind{};
    constexpr std::string_view right = "a map such as {type: gue, port: 5080}";
    if (!Map(value, "an encapsulation", right, foreign_keys)
             .required(encap_keys["type"], yaml::encap_kind, kind, "gue"))
        return std::nullopt;
    const std::string noun = fmt::format("the encapsulation {}", name(kind));
    Map map(value, noun, right, foreign_keys);
    std::ignore = map.find(encap_keys["type"]);  // read above
    Encap encap = encap_of(kind);
    std::visit([&]<typename Kind>(Kind& of) { for_each_key<Kind>([&](const auto& key) { ReadKey{map}(of, key); }); },
               encap);
    if (const auto* gue = std::get_if<Gue>(&encap); gue != nullptr && gue->variant == 1 && gue->gre)
        map.find(Key{"inner"})
            ->fail("gue variant 1 has no header that could announce gre: write variant: 0, or inner: ip");
    map.finish();
    return encap;
}

}  // namespace culvert::lbd
