// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/gen.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include <memory>
#include <new>

/// libnftnl's objects, freed at the end of their scope.
namespace culvert::netlink::nft {

struct Free {
    void operator()(nftnl_table* table) const { nftnl_table_free(table); }
    void operator()(nftnl_chain* chain) const { nftnl_chain_free(chain); }
    void operator()(nftnl_set* set) const { nftnl_set_free(set); }
    void operator()(nftnl_set_elem* element) const { nftnl_set_elem_free(element); }
    void operator()(nftnl_set_elems_iter* iterator) const { nftnl_set_elems_iter_destroy(iterator); }
    void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
    void operator()(nftnl_expr* expression) const { nftnl_expr_free(expression); }
    void operator()(nftnl_expr_iter* iterator) const { nftnl_expr_iter_destroy(iterator); }
    void operator()(nftnl_udata_buf* userdata) const { nftnl_udata_buf_free(userdata); }
    void operator()(nftnl_gen* generation) const { nftnl_gen_free(generation); }
};

template <typename T>
using Owned = std::unique_ptr<T, Free>;

/// `const auto rule = owned(nftnl_rule_alloc());`
template <typename T>
[[nodiscard]] Owned<T> owned(T* object) {
    if (object == nullptr) throw std::bad_alloc();
    return Owned<T>(object);
}

}  // namespace culvert::netlink::nft
