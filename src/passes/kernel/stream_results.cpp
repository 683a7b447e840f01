// SPDX-License-Identifier: Apache-2.0
// A kernel that moves more than the caches hold leaves nothing of its results in them for their reader; storing them there only costs
// reading each line from memory before it is written. Outputs whose every element is stored once, mostly in whole cache lines, are marked
// for stores past the caches (ir/streamed.h).
//
//   @kernel()                              @kernel(streamed=("y",))
//   def relu(x: In[(50331648,), f32], …    def relu(x: In[(50331648,), f32], …
#include "ir/streamed.h"
#include "ir/visit.h"
#include "passes/pass.h"
#include "target/streaming.h"

namespace tw::passes {
namespace {

// What is stored to one buffer: how many elements in all, how many of them in vectors of whole lines.
struct Stored {
  int64_t all = 0, in_lines = 0;
  bool known = true;
};

class Stores {
public:
  explicit Stores(const Buffer& buffer) : buffer_(buffer) {}

  Stored count(const Ref<Stmt>& body) {
    visit(
        body,
        [&](const For& loop, Walk walk) {
          int64_t outside = times_;
          auto extent = as_int(loop.extent);
          analyzer_.bind(loop.var, loop.begin, loop.extent);
          times_ = extent ? times_ * *extent : 0;
          walk(static_cast<const Node*>(&loop));
          times_ = outside;
        },
        [&](const If& branch, Walk walk) { conditional([&] { walk(static_cast<const Node*>(&branch)); }); },
        [&](const While& loop, Walk walk) { conditional([&] { walk(static_cast<const Node*>(&loop)); }); },
        [&](const RegisterTile& tile, Walk walk) { conditional([&] { walk(static_cast<const Node*>(&tile)); }); },
        [&](const Store& s, Walk walk) {
          if (&*s.buffer == &buffer_) add(s);
          walk(static_cast<const Node*>(&s));
        },
        [&](const Load& l, Walk walk) {
          stored_.known = stored_.known && &*l.buffer != &buffer_;
          walk(static_cast<const Node*>(&l));
        });
    return stored_;
  }

private:
  void conditional(FunctionRef<void()> inside) {
    int64_t outside = std::exchange(times_, 0);
    inside();
    times_ = outside;
  }

  void add(const Store& s) {
    const int64_t lanes = s.value->dtype.lanes, bytes = s.value->dtype.element().bytes();
    stored_.known = stored_.known && times_ > 0 && !s.mask && s.index.size() == 1;
    if (!stored_.known) return;
    stored_.all += times_ * lanes;
    const auto* ramp = as<Ramp>(s.index[0]);
    bool lines = ramp && is_int(ramp->stride, 1) && lanes * bytes % cache_line == 0;
    if (lines && analyzer_.prove_multiple(ramp->base, cache_line / bytes)) stored_.in_lines += times_ * lanes;
  }

  const Buffer& buffer_;
  arith::Analyzer analyzer_;
  int64_t times_ = 1; // how often the statement at hand runs; 0: not known
  Stored stored_;
};

} // namespace

Ref<Kernel> stream_results(const Ref<Kernel>& kernel, PassContext& context) {
  auto elements = [](const Param& p) { return as_int(element_count(p.buffer->shape)).value_or(0); };
  auto bytes = [&](const Param& p) { return elements(p) * p.buffer->element.bytes(); };
  int64_t stored = 0, moved = 0;
  for (const auto& p : kernel->params)
    if (p->access != Access::in) stored += bytes(*p);
  for (const auto& p : kernel->params) moved += std::min(bytes(*p), stored); // of a larger input it reads a part
  if (!outruns_caches(context.target, moved)) return kernel;
  std::vector<Name> streamed;
  for (const auto& p : kernel->params) {
    if (p->access != Access::out || elements(*p) == 0 || is_streamed(*kernel, *p->buffer)) continue;
    // As many stores as elements: none is stored twice, since an output is written whole.
    Stored found = Stores(*p->buffer).count(kernel->body);
    if (found.known && found.all == elements(*p) && found.in_lines * 2 > found.all) streamed.push_back(p->buffer->id);
  }
  if (streamed.empty()) return kernel;
  return with(kernel, &Kernel::attrs, with_attribute(kernel->attrs, streamed_attribute, List<Name>(std::move(streamed))));
}

extern const Pass stream_results_pass;
const Pass stream_results_pass = {
    .name = "stream_results", .doc = "results that no cache could keep are stored past the caches", .kernel = stream_results};

} // namespace tw::passes
