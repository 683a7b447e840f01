// SPDX-License-Identifier: Apache-2.0
// The printer's entry, its names, and modules, functions and graph operations.
#include "ir/print.h"

#include <algorithm>
#include <unordered_set>

namespace tw {

std::string to_text(const Node* n) { return to_text(n, {}); }
std::string to_text(const Node* n, const PrintOptions& options) { return n ? print::Printer(options).whole(n) : "None"; }

std::string to_short_text(const Node* n, size_t width) {
  std::string text = to_text(n);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t end = std::min(text.find('\n'), width);
  if (end >= text.size()) return text;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + " …";
}

namespace print {

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}
std::string tuple_text(const std::vector<std::string>& parts) {
  return parts.size() == 1 ? "(" + parts[0] + ",)" : "(" + join(parts) + ")";
}

bool is_graph_word(std::string_view word) {
  static constexpr std::string_view words[] = {"Dim", "loop", "branch", "invoke", "op", "constant", "static", "function", "kernel"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words) || syntax::is_reserved(word) || is_kind(word);
}
bool is_expression_word(std::string_view word) {
  static constexpr std::string_view words[] = {"min",    "max",   "load",   "cast",    "ramp",     "broadcast", "shuffle", "call",
                                               "store",  "where", "reads",  "writes",  "hints",    "columns",   "fold",    "spatial",
                                               "reduce", "row",   "column", "ordered", "allocate", "Dim",       "static",  "constant"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words) || syntax::is_reserved(word) || is_kind(word);
}

// ---- names

Printer::NameScope::~NameScope() {
  if (printer_.taken_order_.size() == mark_) return;
  for (size_t i = mark_; i < printer_.taken_order_.size(); ++i) printer_.taken_.erase(printer_.taken_order_[i]);
  printer_.taken_order_.resize(mark_);
  printer_.suffixes_.clear();
}

std::string Printer::claim(std::string_view wanted, std::string_view otherwise) {
  std::string base;
  for (char c : wanted) base += syntax::is_identifier(std::string("_") + c) ? c : '_';
  if (base.empty()) base = otherwise;
  if (base[0] >= '0' && base[0] <= '9') base = "_" + base;
  std::string free = base;
  if (syntax::is_reserved(base) || taken_.count(base)) {
    int& suffix = suffixes_[base];
    do free = fmt::format("{}_{}", base, ++suffix);
    while (taken_.count(free));
  }
  taken_.insert(free);
  taken_order_.push_back(free);
  return free;
}

std::string Printer::define(const Node* identity) {
  std::string free;
  if (const auto* v = as<Var>(identity)) free = claim(v->id.str(), "v");
  else if (const auto* x = as<Value>(identity)) free = claim(x->id.str(), "x");
  else if (const auto* b = as<Buffer>(identity)) free = claim(b->id.str(), "buffer");
  else throw internal_error("a {} has no name", kind_name(identity));
  return names_[identity] = free;
}

std::string Printer::name(const Node* identity) {
  auto found = names_.find(identity);
  return found != names_.end() ? found->second : define(identity);
}

// What the text does not introduce gets its name first: so it is the name that a reader must supply.
void Printer::name_free_identities(const Node* root) {
  std::unordered_set<const Node*> introduced, seen;
  std::vector<const Node*> used;
  std::function<void(const Node*, bool)> walk = [&](const Node* n, bool defining) {
    bool identity = as<Var>(n) || as<Value>(n) || as<Buffer>(n);
    if (identity && defining) introduced.insert(n);
    if (identity && !defining) used.push_back(n);
    if (!seen.insert(n).second || (identity && !defining)) return;
    for_flagged_children(n, [&](const Node* child, bool defines) { walk(child, defines); });
  };
  walk(root, false);
  for (const Node* n : used)
    if (!introduced.count(n)) name(n);
}

void Printer::line(std::string_view text, const Node* origin) {
  out_.append(static_cast<size_t>(indent_) * 4, ' ').append(text);
  if (options_.origins && origin && origin->origin) {
    const Origin& o = *origin->origin;
    out_ += fmt::format("  #@ {} {}", name_of(o.kind), syntax::quote(o.text.str()));
    if (o.line) out_ += fmt::format(" {}", o.line);
  }
  if (origin && origin == options_.mark) out_ += "  # <--";
  out_ += '\n';
}

std::string Printer::whole(const Node* n) {
  name_free_identities(n);
  if (options_.fields) return inner(n, false);
  if (const auto* m = as<Module>(n)) module(*m);
  else if (as<Function>(n) || as<Kernel>(n)) callable(n);
  else if (as<Stmt>(n)) statements(n);
  else if (as<Var>(n) || as<Value>(n) || as<Buffer>(n)) return name(n);
  else if (const auto* r = as<Region>(n); r && region(*r).find(':') == std::string::npos) return generic(n); // else it would read as a load
  else return inner(n, false);
  return std::move(out_);
}

// ---- modules

void Printer::module(const Module& m) {
  out_ = "# tensorwright 1\nfrom __future__ import annotations\nfrom tensorwright.text import *\n";
  for (const auto& f : m.functions) {
    const auto* function = as<Function>(f);
    const auto* kernel = as<Kernel>(f);
    const Name* id = function ? &function->id : kernel ? &kernel->id : nullptr;
    if (!id) continue;
    callees_.insert(id->str());
    if (syntax::is_identifier(id->str()) && taken_.insert(id->str()).second) taken_order_.push_back(id->str());
  }
  if (!m.attrs.empty()) out_ += fmt::format("\nmodule({})\n", attr_arguments(m.attrs, {}));
  collect_constants(m);
  for (const auto& f : m.functions) {
    out_ += '\n';
    callable(f.node());
  }
}

void Printer::collect_constants(const Module& m) {
  std::unordered_set<const Node*> seen;
  std::function<void(const Node*)> walk = [&](const Node* n) {
    if (const auto* c = as<Constant>(n); c && !constants_.count(n) && static_shape(c->type->shape)) {
      std::string text = constant(*c);
      if (constants_.empty()) out_ += '\n';
      constants_[n] = claim(c->id.str(), "constant");
      line(fmt::format("{} = {}", constants_[n], text), n);
    }
    if (seen.insert(n).second) for_children(n, walk);
  };
  for (const auto& f : m.functions)
    if (as<Function>(f)) walk(f.node());
}

void Printer::callable(const Node* n) {
  NameScope scope(*this);
  if (const auto* f = as<Function>(n)) function(*f);
  else if (const auto* k = as<Kernel>(n)) kernel(*k);
  else line(generic(n));
}

std::string Printer::decorator(const char* kind, const Name& id, std::string& printed_id, const List<Ref<Var>>& dims,
                               const List<Ref<Attr>>& attrs) {
  std::vector<std::string> parts;
  std::unordered_set<std::string> used{"id"};
  bool plain = syntax::is_identifier(id.str()) && !syntax::is_reserved(id.str());
  printed_id = plain ? id.str() : claim(id.str(), "f");
  if (!plain) parts.push_back("id=" + syntax::quote(id.str()));
  for (const auto& d : dims) {
    std::string free = define(d.node());
    used.insert(free);
    parts.push_back(fmt::format("{}={}", free, facts(*d, i64)));
  }
  if (!attrs.empty()) parts.push_back(attr_arguments(attrs, used));
  return parts.empty() ? fmt::format("@{}", kind) : fmt::format("@{}({})", kind, join(parts));
}

void Printer::function(const Function& f) {
  std::string id;
  line(decorator("function", f.id, id, f.dims, f.attrs));
  std::string parameters = graph_parameters(*f.body);
  std::string before = std::exchange(out_, "");
  ++indent_;
  body(*f.body);
  --indent_;
  // The results' types last: they may name sizes that the body introduces.
  std::vector<std::string> types;
  for (const auto& r : f.body->results) types.push_back(type(type_of(r.node()).node()));
  std::string results = types.empty() ? "" : " -> " + (types.size() == 1 ? types[0] : tuple_text(types));
  std::string inside = std::exchange(out_, std::move(before));
  line(fmt::format("def {}({}){}:", id, parameters, results), &f);
  out_ += inside;
}

void Printer::kernel(const Kernel& k) {
  std::string id;
  line(decorator("kernel", k.id, id, k.dims, k.attrs));
  std::vector<std::string> parameters;
  for (const auto& p : k.params) {
    const Buffer& b = *p->buffer;
    std::vector<std::string> parts{tuple(b.shape), to_string(b.element)};
    if (!b.strides.empty()) parts.push_back("strides" + tuple(b.strides));
    if (b.scope != "global") parts.push_back(fmt::format("scope({})", syntax::quote(b.scope.str())));
    const char* access = p->access == Access::in ? "In" : p->access == Access::out ? "Out" : "InOut";
    std::string text = fmt::format("{}[{}]", access, join(parts));
    parameters.push_back(fmt::format("{}: {}", define(p->buffer.node()), text));
  }
  line(fmt::format("def {}({}):", id, join(parameters)), &k);
  suite(k.body.node());
}

// ---- graphs

// Stored[type, place] after memory is planned.
std::string Printer::value_type(const Value& v) {
  if (!v.storage) return type(v.type.node());
  std::vector<std::string> parts;
  if (v.storage->offset || !v.storage->of) parts.push_back(fmt::format("{}", v.storage->offset));
  if (v.storage->of) parts.push_back("of=" + operand(v.storage->of.node()));
  if (v.storage->begin) parts.push_back("begin=" + expr(v.storage->begin.node()));
  return fmt::format("Stored[{}, {}({})]", type(v.type.node()), name_of(v.storage->where), join(parts));
}

std::string Printer::graph_parameters(const Body& body) {
  std::vector<std::string> parts;
  for (const auto& p : body.params) {
    std::string text = value_type(*p);
    parts.push_back(fmt::format("{}: {}", define(p.node()), text));
  }
  return join(parts);
}

void Printer::body(const Body& b) {
  for (const auto& x : b.bindings) binding(*x);
  std::vector<std::string> results;
  for (const auto& r : b.results) results.push_back(operand(r.node()));
  if (!results.empty()) line("return " + join(results));
  else if (b.bindings.empty()) line("pass");
}

void Printer::binding(const Binding& b) {
  for (const auto& d : b.dims) {
    std::string free = define(d.node());
    line(fmt::format("{} = {}", free, facts(*d, i64)));
  }
  std::string text = operation(b.operation.node(), b);
  std::vector<std::string> names, annotations;
  for (const auto& v : b.values) {
    annotations.push_back(value_type(*v));
    names.push_back(define(v.node()));
  }
  if (names.empty()) return line(text, &b);
  if (names.size() == 1) return line(fmt::format("{}: {} = {}", names[0], annotations[0], text), &b);
  for (size_t i = 0; i < names.size(); ++i) line(fmt::format("{}: {}", names[i], annotations[i]));
  line(fmt::format("{} = {}", join(names), text), &b);
}

std::string Printer::local_function(const Body& b, const char* wanted) {
  std::string free = claim(wanted, wanted);
  NameScope scope(*this);
  line(fmt::format("def {}({}):", free, graph_parameters(b)), &b);
  ++indent_;
  body(b);
  --indent_;
  return free;
}

std::string Printer::operation(const Node* n, const Binding& binding) {
  if (const auto* call = as<OpCall>(n)) return op_call(*call);
  if (const auto* call = as<Invoke>(n)) return invoke(*call, binding);
  if (const auto* b = as<Branch>(n)) {
    std::string then = local_function(*b->then, "then"), otherwise = local_function(*b->otherwise, "otherwise");
    return fmt::format("branch({}, {}, {})", operand(b->cond.node()), then, otherwise);
  }
  if (const auto* l = as<Loop>(n)) {
    std::vector<std::string> init, parts{local_function(*l->body, "step")};
    for (const auto& x : l->init) init.push_back(operand(x.node()));
    parts.push_back("init=" + tuple_text(init));
    if (l->trip) parts.push_back("trip=" + operand(l->trip.node()));
    if (l->cond) parts.push_back("cond=" + operand(l->cond.node()));
    if (l->conditional) parts.push_back("conditional=True");
    if (l->stacked) parts.push_back(fmt::format("stacked={}", l->stacked));
    return fmt::format("loop({})", join(parts));
  }
  return generic(n);
}

std::string Printer::op_call(const OpCall& call) {
  std::vector<std::string> parts;
  const std::string& op = call.op.str();
  bool plain = syntax::is_identifier(op) && !is_graph_word(op) && !callees_.count(op);
  if (!plain) parts.push_back(syntax::quote(op));
  for (const auto& a : call.args) parts.push_back(a ? operand(a.node()) : "None");
  if (!call.attrs.empty()) parts.push_back(attr_arguments(call.attrs, {}));
  return fmt::format("{}({})", plain ? op : "op", join(parts));
}

std::string Printer::invoke(const Invoke& call, const Binding& binding) {
  std::vector<std::string> parts;
  const std::string& callee = call.callee.str();
  bool plain = syntax::is_identifier(callee) && !is_graph_word(callee) && callees_.count(callee);
  if (!plain) parts.push_back(syntax::quote(callee));
  for (const auto& a : call.args) parts.push_back(operand(a.node()));
  if (!call.scalars.empty()) parts.push_back("scalars=" + tuple(call.scalars));
  bool same = call.outputs.size() == binding.values.size();
  for (size_t i = 0; same && i < call.outputs.size(); ++i) same = equal(call.outputs[i], binding.values[i]->type);
  std::vector<std::string> outputs;
  for (const auto& t : call.outputs) outputs.push_back(type(t.node()));
  if (!same) parts.push_back("outputs=" + tuple_text(outputs));
  return fmt::format("{}({})", plain ? callee : "invoke", join(parts));
}

std::string Printer::operand(const Node* n) {
  if (as<Value>(n)) return name(n);
  if (auto found = constants_.find(n); found != constants_.end()) return found->second;
  if (const auto* c = as<Constant>(n); c && static_shape(c->type->shape)) return constant(*c);
  return generic(n);
}

} // namespace print
} // namespace tw
