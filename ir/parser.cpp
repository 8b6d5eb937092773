// The parser: programs, jaxprs and equations by recursive descent.
#include "ir/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "ir/foreign.h"
#include "ir/lexer.h"
#include "ir/type_parser.h"
#include "ir/untyped.h"
#include "ir/value_parser.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

/// A hoisted jaxpr: read when it is first used, because it may be used before its let.
struct Let {
  std::size_t offset = 0;
  JaxprPointer jaxpr;
  bool is_open = false;
};

/// The lets of one program, within those of the programs around it.
struct Scope {
  Scope* outer = nullptr;
  std::map<std::string_view, Let> lets;
  std::vector<std::string_view> phrases;  ///< the names that are not words: "unnamed function"
};

/// A jaxpr while it is read.
struct Draft {
  std::shared_ptr<Jaxpr> jaxpr = std::make_shared<Jaxpr>();
  std::unordered_map<std::string_view, Variable> variables;
  std::vector<Variable> dropped;  ///< those printed as "_"
};

/// The binders of the equation whose parameters are read, for calls whose jaxpr has the same outputs.
struct Caller {
  std::vector<Type> types;
  std::vector<bool> is_dropped;
};

/// Sets a variable for the length of a block.
template <typename T>
class Temporarily {
 public:
  Temporarily(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Temporarily() { place_ = std::move(old_); }
  Temporarily(const Temporarily&) = delete;
  Temporarily& operator=(const Temporarily&) = delete;

 private:
  T& place_;
  T old_;
};

class Parser : public ProgramReader {
 public:
  explicit Parser(const Source& source) : lexer_(source) {}

  Jaxpr parse() {
    const JaxprPointer program = read_program();
    if (lexer_.peek() != '\0') {
      lexer_.fail_expecting("the end of the text");
    }
    return *program;
  }

  JaxprPointer read_program() override {
    Scope scope{scope_, {}, {}};
    const Temporarily<Scope*> here(scope_, &scope);
    while (lexer_.take_keyword("let")) skip_let(scope);
    JaxprPointer program = read_jaxpr();
    const std::size_t end = lexer_.offset();
    for (auto& [name, let] : scope.lets) read_let(scope, name, let);
    lexer_.seek(end);
    return program;
  }

  JaxprPointer take_let() override {
    const std::size_t start = lexer_.offset();
    const std::string_view word = lexer_.take_dotted_word();
    lexer_.seek(start);
    for (Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
      auto found = scope->lets.end();
      for (const std::string_view name : scope->phrases) {
        const bool is_longer = found == scope->lets.end() || name.size() > found->first.size();
        if (is_longer && lexer_.at_phrase(name)) found = scope->lets.find(name);
      }
      if (found == scope->lets.end()) found = scope->lets.find(word);
      if (found == scope->lets.end()) continue;
      lexer_.seek(start + found->first.size());
      return read_let(*scope, found->first, found->second);
    }
    return nullptr;
  }

 private:
  void skip_let(Scope& scope) {
    lexer_.skip_blank();
    const std::size_t start = lexer_.offset();
    const std::optional<std::string_view> name = lexer_.take_let_name();
    if (!name) lexer_.fail_expecting("a name and '= {{' after let");
    if (!scope.lets.emplace(*name, Let{lexer_.offset(), nullptr, false}).second) {
      lexer_.fail_at(start, "the jaxpr {} is defined twice", *name);
    }
    const std::size_t body = lexer_.offset();
    lexer_.seek(start);
    if (lexer_.take_dotted_word() != *name) scope.phrases.push_back(*name);
    lexer_.seek(body);
    lexer_.seek(lexer_.closing_brace(lexer_.offset()) + 1);
    if (!lexer_.take_keyword("in")) {
      lexer_.fail_expecting("'in' after the jaxpr {}", *name);
    }
  }

  JaxprPointer read_let(Scope& scope, std::string_view name, Let& let) {
    if (let.jaxpr != nullptr) return let.jaxpr;
    if (let.is_open) lexer_.fail("the jaxpr {} contains itself", name);
    const std::size_t start = lexer_.offset();
    const Temporarily<Scope*> there(scope_, &scope);
    const Temporarily<bool> open(let.is_open, true);
    lexer_.seek(let.offset);
    let.jaxpr = read_jaxpr();
    lexer_.seek(start);
    return let.jaxpr;
  }

  JaxprPointer read_jaxpr() {
    lexer_.expect('{', "for a jaxpr");
    const Nesting nesting(depth, lexer_);
    if (!lexer_.take_keyword("lambda")) {
      lexer_.fail_expecting("'lambda' after '{{'");
    }
    Draft draft;
    while (at_binder()) draft.jaxpr->constants.push_back(read_binder(draft));
    lexer_.expect(';', "between constants and inputs");
    while (at_binder()) draft.jaxpr->inputs.push_back(read_binder(draft));
    lexer_.expect('.', "after the inputs");
    if (!lexer_.take_keyword("let")) {
      lexer_.fail_expecting("'let' after the inputs");
    }
    while (!at_outputs()) {
      if (!lexer_.take(';')) read_equation(draft);
    }
    lexer_.take_keyword("in");
    read_outputs(draft);
    read_effects();
    lexer_.expect('}', "after the outputs");
    return draft.jaxpr;
  }

  /// Whether a variable and ":" come next.
  bool at_binder() {
    lexer_.skip_blank();
    const std::size_t size = lexer_.word_here().size();
    return size > 0 && lexer_.at(size) == ':';
  }

  Variable read_binder(Draft& draft) {
    lexer_.skip_blank();
    const std::size_t start = lexer_.offset();
    const std::string_view name = lexer_.take_word();
    lexer_.expect(':', "between a variable and its type");
    const Variable variable = draft.jaxpr->add_variable(read_type(lexer_));
    if (name == "_") {
      draft.dropped.push_back(variable);
    } else if (!draft.variables.emplace(name, variable).second) {
      lexer_.fail_at(start, "the variable {} is defined twice", name);
    }
    return variable;
  }

  /// Whether "in ( ... ) }" comes next; "in" may also be a variable, and "(1+2j)" a literal.
  bool at_outputs() {
    lexer_.skip_blank();
    if (lexer_.current() == '\0') lexer_.fail("expected 'in' and the outputs, got the end of the text");
    if (lexer_.word_here() != "in") return false;
    const std::size_t start = lexer_.offset();
    lexer_.take_word();
    bool is_end = false;
    if (lexer_.take('(')) {
      for (std::size_t open = 1; open > 0 && lexer_.current() != '\0';) {
        if (lexer_.current() == '(') ++open;
        if (lexer_.current() == ')') --open;
        lexer_.seek(lexer_.offset() + 1);
      }
      is_end = lexer_.peek() == '}' || (lexer_.take(':') && lexer_.peek() == '{');
    }
    lexer_.seek(start);
    return is_end;
  }

  void read_equation(Draft& draft) {
    Equation equation{Primitive::closed_call, {}, {}, {}, lexer_.source().locate(lexer_.offset())};
    Caller caller;
    const std::size_t start = lexer_.offset();
    std::vector<std::pair<std::size_t, std::string_view>> binders;
    while (at_binder()) {
      caller.is_dropped.push_back(lexer_.word_here() == "_");
      // The equation's own operands must not see its outputs.
      binders.emplace_back(lexer_.offset(), lexer_.take_word());
      lexer_.expect(':', "between a variable and its type");
      caller.types.push_back(read_type(lexer_));
      equation.outputs.push_back(draft.jaxpr->add_variable(caller.types.back()));
    }
    if (!binders.empty()) read_equals();
    lexer_.skip_blank();
    const std::size_t name_start = lexer_.offset();
    const std::string_view name = lexer_.take_dotted_word();
    if (name.empty() || name == "None") {
      lexer_.seek(name_start);
      lexer_.fail_expecting("a primitive");
    }
    const std::optional<Primitive> listed = primitive_from_name(name);
    if (listed) {
      equation.primitive = *listed;
    } else if (const auto reason = refusal(name)) {
      lexer_.fail_at(name_start, "{}: {}", name, *reason);
    }
    if (lexer_.current() == '[') {
      const bool is_call = kind(equation.primitive) == Kind::call;
      const Temporarily<const Caller*> calling(caller_, is_call ? &caller : nullptr);
      read_parameters(equation.parameters);
    }
    Untyped untyped;
    read_operands(draft, equation, untyped);
    located(start, [&] {
      type_operands(draft, equation, untyped);
      if (!listed) adopt_foreign(name, *draft.jaxpr, equation);
      type_body_outputs(*draft.jaxpr, equation);
    });
    for (std::size_t i = 0; i < binders.size(); ++i) define(draft, binders[i], equation.outputs[i]);
    draft.jaxpr->equations.push_back(std::move(equation));
  }

  void read_equals() {
    if (lexer_.peek() == '<' && lexer_.at(1) == '-') {
      lexer_.fail(
          "get: references to mutable memory have no values to compute with; write the program with pure functions");
    }
    lexer_.expect('=', "after the variables of an equation");
  }

  void define(Draft& draft, const std::pair<std::size_t, std::string_view>& binder, Variable variable) {
    const auto& [offset, name] = binder;
    if (name == "_") {
      draft.dropped.push_back(variable);
    } else if (!draft.variables.emplace(name, variable).second) {
      lexer_.fail_at(offset, "the variable {} is defined twice", name);
    }
  }

  void read_parameters(Parameters& parameters) {
    lexer_.expect('[', "before parameters");
    while (!lexer_.take(']')) {
      if (lexer_.take(',')) continue;
      lexer_.skip_blank();
      const std::size_t start = lexer_.offset();
      const std::string_view key = lexer_.take_word();
      if (key.empty()) lexer_.fail_expecting("a parameter or ']'");
      if (parameters.find(key) != nullptr) lexer_.fail_at(start, "the parameter {} is given twice", key);
      lexer_.expect('=', "after the name of a parameter");
      if (lexer_.peek() == '=') lexer_.fail_expecting("a value after the name of a parameter");
      parameters.entries.push_back({std::string(key), parse_value(lexer_, *this, key)});
    }
  }

  /// Operands that have no type yet: their places in an equation's inputs and in the text.
  struct Untyped {
    struct Entry {
      std::size_t index;
      std::size_t offset;
      std::optional<Scalar> value;  ///< nothing for an array literal
    };
    std::vector<Entry> literals;
    std::vector<Entry> dropped;  ///< those printed as "_"
  };

  /// What a word at an operand's place is.
  enum class Word { variable, literal, next_equation };

  Word classify_word(const Draft& draft, bool new_line) {
    const std::string_view word = lexer_.word_here();
    const char next = lexer_.at(word.size());
    const bool is_number = word == "nan" || word == "inf";
    if (word == "True" || word == "False") return Word::literal;
    if (next == ':') return is_number && !(new_line && at_equation()) ? Word::literal : Word::next_equation;
    if (word == "_" || draft.variables.contains(word)) {
      return new_line && next == '[' ? Word::next_equation : Word::variable;
    }
    if (is_number) return Word::literal;
    if (new_line && (next == '[' || primitive_from_name(word) || refusal(word))) return Word::next_equation;
    lexer_.fail("the variable {} is used before it is defined", word);
  }

  /// Whether binders and "=" come next.
  bool at_equation() {
    const std::size_t start = lexer_.offset();
    while (at_binder()) {
      while (lexer_.current() != '\0' && lexer_.current() != ' ' && lexer_.current() != '\n') {
        lexer_.seek(lexer_.offset() + 1);
      }
    }
    const bool is_equation = lexer_.peek() == '=';
    lexer_.seek(start);
    return is_equation;
  }

  void read_operands(Draft& draft, Equation& equation, Untyped& untyped) {
    while (true) {
      const bool new_line = lexer_.skip_blank();
      if (lexer_.current() == ';' || lexer_.current() == '}' || lexer_.current() == '\0' || at_outputs()) return;
      if (is_word_start(lexer_.current()) && classify_word(draft, new_line) == Word::next_equation) return;
      equation.inputs.push_back(read_atom(draft, equation.inputs.size(), untyped));
    }
  }

  /// A variable or a literal. What has no type yet is noted in `untyped`.
  Atom read_atom(const Draft& draft, std::size_t index, Untyped& untyped) {
    const std::size_t start = lexer_.offset();
    const std::string_view word = lexer_.word_here();
    const auto found = draft.variables.find(word);
    const bool has_type = !word.empty() && lexer_.at(word.size()) == ':';
    if (word == "_") {
      lexer_.take_word();
      untyped.dropped.push_back({index, start, std::nullopt});
      return Variable{};
    }
    if (found != draft.variables.end() && !has_type) {
      lexer_.take_word();
      return found->second;
    }
    std::optional<Scalar> value;
    if (word == "True" || word == "False") {
      lexer_.take_word();
      value = word == "True";
    } else if (lexer_.current() == '[') {
      skip_array();
    } else if (const auto number = lexer_.take_number()) {
      value = *number;
    } else if (!word.empty()) {
      lexer_.fail("the variable {} is used before it is defined", word);
    } else {
      lexer_.fail_expecting("a variable or a literal");
    }
    if (lexer_.current() != ':') {
      untyped.literals.push_back({index, start, value});
      return Literal{};
    }
    lexer_.expect(':', "before a literal's type");
    const Type type = read_type(lexer_);
    if (!value) return Literal{type, Literal::Opaque{}};
    if (!type.shape.empty()) lexer_.fail_at(start, "a scalar literal must have a type of rank 0");
    return located(start, [&] { return make_literal(*value, type); });
  }

  /// The values of an array literal: "[...]", or all of them.
  void skip_array() {
    const std::size_t start = lexer_.offset();
    std::size_t open = 0;
    do {
      if (lexer_.current() == '\0' || lexer_.current() == '{') lexer_.fail_at(start, "this '[' has no matching ']'");
      if (lexer_.current() == '[') ++open;
      if (lexer_.current() == ']') --open;
      lexer_.seek(lexer_.offset() + 1);
    } while (open > 0);
  }

  void type_operands(const Draft& draft, Equation& equation, const Untyped& untyped) {
    if (untyped.literals.empty() && untyped.dropped.empty()) return;
    std::vector<bool> is_typed(equation.inputs.size(), true);
    for (const auto& entry : untyped.literals) is_typed[entry.index] = false;
    for (const auto& entry : untyped.dropped) is_typed[entry.index] = false;
    for (const auto& entry : untyped.dropped) {
      equation.inputs[entry.index] = dropped_operand(draft, equation, entry.index, entry.offset);
      is_typed[entry.index] = true;
    }
    for (const auto& [index, offset, value] : untyped.literals) {
      if (!value) lexer_.fail_at(offset, "an array literal must have a type, as JAX prints it from 0.6.1 on");
      located(offset, [&] {
        const Type type = operand_type(*draft.jaxpr, equation, index, is_typed, *value);
        equation.inputs[index] = make_literal(*value, {type.dtype, {}});
      });
    }
  }

  /// The only value printed as "_" so far that the operand can be.
  Variable dropped_operand(const Draft& draft, const Equation& equation, std::size_t index, std::size_t offset) {
    const Jaxpr& jaxpr = *draft.jaxpr;
    std::vector<Variable> candidates = draft.dropped;
    const std::vector<JaxprPointer> bodies = sub_jaxprs(equation);
    const bool is_call = bodies.size() == 1 && bodies[0]->inputs.size() == equation.inputs.size();
    const bool is_map = kind(equation.primitive) == Kind::map && equation.outputs.size() == 1;
    if (candidates.size() > 1 && (is_call || is_map)) {
      const Type& type = is_call ? bodies[0]->type(bodies[0]->inputs[index]) : jaxpr.type(equation.outputs[0]);
      std::erase_if(candidates, [&](Variable candidate) { return jaxpr.type(candidate) != type; });
    }
    if (candidates.size() != 1) {
      lexer_.fail_at(offset, "_ may be any of {} values here; give the values that are used a name", candidates.size());
    }
    return candidates[0];
  }

  void read_outputs(Draft& draft) {
    Jaxpr& jaxpr = *draft.jaxpr;
    Untyped untyped;
    lexer_.expect('(', "before the outputs");
    while (!lexer_.take(')')) {
      lexer_.skip_blank();
      jaxpr.outputs.push_back(read_atom(draft, jaxpr.outputs.size(), untyped));
      if (!lexer_.take(',') && lexer_.peek() != ')') {
        lexer_.fail_expecting("',' or ')' after an output");
      }
    }
    std::vector<std::pair<std::size_t, Scalar>> values;
    for (const auto& [index, offset, value] : untyped.literals) {
      if (!value) lexer_.fail_at(offset, "an array literal must have a type, as JAX prints it from 0.6.1 on");
      jaxpr.outputs[index] = located(offset, [&] { return make_literal(*value, default_type(*value)); });
      values.emplace_back(index, *value);
    }
    if (!values.empty()) untyped_outputs_.emplace(draft.jaxpr.get(), std::pair(draft.jaxpr, std::move(values)));
    resolve_dropped_outputs(draft, untyped);
  }

  /// Matches each output printed as "_" by position and type.
  void resolve_dropped_outputs(Draft& draft, const Untyped& untyped) {
    Jaxpr& jaxpr = *draft.jaxpr;
    const bool has_caller = caller_ != nullptr && caller_->types.size() == jaxpr.outputs.size();
    std::map<std::string, std::size_t> taken;  // by type
    for (const auto& entry : untyped.dropped) {
      std::vector<Variable> candidates = draft.dropped;
      std::string type;
      if (has_caller) {
        type = to_string(caller_->types[entry.index]);
        std::erase_if(candidates,
                      [&](Variable candidate) { return jaxpr.type(candidate) != caller_->types[entry.index]; });
      }
      const std::size_t position = taken[type]++;
      const bool is_unused = has_caller && caller_->is_dropped[entry.index];
      const bool is_certain = candidates.size() == 1 || (!has_caller && candidates.size() == untyped.dropped.size());
      if (candidates.empty() || !(is_unused || is_certain)) {
        lexer_.fail_at(entry.offset, "_ may be any of {} values here; give the values that are used a name",
                       candidates.size());
      }
      jaxpr.outputs[entry.index] = candidates[std::min(position, candidates.size() - 1)];
    }
  }

  /// Gives the untyped literals among a body's outputs the types that the equation around it implies.
  void type_body_outputs(const Jaxpr& jaxpr, const Equation& equation) {
    if (untyped_outputs_.empty()) return;
    for (const auto& [body, types] : body_output_types(jaxpr, equation)) {
      const auto found = untyped_outputs_.find(body.get());
      if (found == untyped_outputs_.end()) continue;
      for (const auto& [index, value] : found->second.second) {
        if (index >= types.size() || !types[index].shape.empty()) continue;
        try {
          found->second.first->outputs[index] = make_literal(value, types[index]);
        } catch (const Error&) {
          // The literal keeps its own type, and the verifier reports the mismatch.
        }
      }
      untyped_outputs_.erase(found);
    }
  }

  /// ": { effects }" after the outputs; only an empty set is possible.
  void read_effects() {
    if (!lexer_.take(':')) return;
    lexer_.expect('{', "before effects");
    if (lexer_.peek() != '}') {
      lexer_.fail("{}: effects order computations by more than their values; remove the effect",
                  lexer_.word_here().empty() ? "effect" : lexer_.word_here());
    }
    lexer_.expect('}', "after effects");
  }

  /// Gives Errors of `action` the place `offset`, unless they have one.
  template <typename Action>
  std::invoke_result_t<Action> located(std::size_t offset, Action action) {
    try {
      return action();
    } catch (const LocatedError&) {
      throw;
    } catch (const Error& error) {
      lexer_.fail_at(offset, "{}", error.what());
    }
  }

  Lexer lexer_;
  Scope* scope_ = nullptr;
  const Caller* caller_ = nullptr;
  /// Jaxprs whose outputs hold untyped literals, with those literals, until an equation tells their types.
  std::unordered_map<const Jaxpr*, std::pair<std::shared_ptr<Jaxpr>, std::vector<std::pair<std::size_t, Scalar>>>>
      untyped_outputs_;
};

}  // namespace

Jaxpr parse(const Source& source) {
  return Parser(source).parse();
}

Jaxpr parse(std::string_view text, std::string_view origin) {
  return parse(Source(text, origin));
}

}  // namespace jaxc::ir
