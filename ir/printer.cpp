// The printer: one function per piece of the grammar.
#include "ir/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <unordered_map>
#include <utility>

#include "ir/source.h"
#include "ir/value_parser.h"

namespace jaxc::ir {
namespace {

/// a .. z, ba, bb, ...: JAX's names. Words that mean something else are left out.
std::string variable_name(std::size_t number) {
  std::string name;
  do {
    name.insert(name.begin(), static_cast<char>('a' + number % 26));
    number /= 26;
  } while (number > 0);
  return name;
}

bool is_reserved(std::string_view name) {
  return name == "in" || name == "inf" || name == "nan" || name == "let" || name == "infj" || name == "nanj";
}

/// Python's repr.
std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string complex_text(std::complex<double> value) {
  const bool is_negative = std::signbit(value.imag()) && !std::isnan(value.imag());
  const auto part = [](double real) { return std::isnan(real) ? std::string("nan") : fmt::format("{}", real); };
  return fmt::format("({}{}{}j)", part(value.real()), is_negative ? '-' : '+',
                     part(std::isnan(value.imag()) ? value.imag() : std::abs(value.imag())));
}

/// The names of one jaxpr's variables.
class Names {
 public:
  explicit Names(const Jaxpr& jaxpr) : names_(jaxpr.variables.size()) {
    std::vector<bool> is_used(jaxpr.variables.size());
    const auto use = [&](const std::vector<Atom>& atoms) {
      for (const Atom& atom : atoms) {
        if (const auto* variable = std::get_if<Variable>(&atom)) is_used.at(variable->index) = true;
      }
    };
    for (const Equation& equation : jaxpr.equations) use(equation.inputs);
    use(jaxpr.outputs);
    for (const Variable constant : jaxpr.constants) define(constant);
    for (const Variable input : jaxpr.inputs) define(input);
    for (const Equation& equation : jaxpr.equations) {
      for (const Variable output : equation.outputs) {
        if (is_used[output.index]) {
          define(output);
        } else {
          names_[output.index] = "_";
        }
      }
    }
  }

  const std::string& of(Variable variable) const { return names_.at(variable.index); }

 private:
  void define(Variable variable) {
    do {
      names_.at(variable.index) = variable_name(next_++);
    } while (is_reserved(names_[variable.index]));
  }

  std::vector<std::string> names_;
  std::size_t next_ = 0;
};

class Printer {
 public:
  /// `elide` prints "{...}" for every sub-jaxpr.
  explicit Printer(bool elide) : elide_(elide) {}

  std::string program(const Jaxpr& jaxpr) {
    find_shared(jaxpr);
    for (const auto& [shared, name] : shared_) {
      append("let {} = ", name);
      print_jaxpr(*shared);
      append(" in\n");
    }
    print_jaxpr(jaxpr);
    append("\n");
    return std::move(text_);
  }

  std::string equation_text(const Jaxpr& jaxpr, const Equation& equation) {
    print_equation(jaxpr, Names(jaxpr), equation);
    return std::move(text_);
  }

 private:
  template <typename... Arguments>
  void append(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }

  void new_line() {
    constexpr std::size_t deepest = 40;  // deeper levels share one indentation: text stays linear in depth
    text_ += '\n';
    text_.append(2 * std::min(indent_, deepest), ' ');
  }

  // Finding what is shared ---------------------------------------------------------------------------

  void find_shared(const Jaxpr& jaxpr) {
    std::unordered_map<const Jaxpr*, std::size_t> uses;
    std::vector<std::pair<const Jaxpr*, std::string>> found;  // in the order of the text, with proposed names
    std::set<std::string> taken;
    std::vector<const Jaxpr*> pending = {&jaxpr};
    while (!pending.empty()) {
      const Jaxpr* const next = pending.back();
      pending.pop_back();
      for (const Equation& equation : next->equations) {
        for (const auto& [key, parameter] : equation.parameters.entries) {
          if (!may_name_jaxpr(key)) {
            std::vector<JaxprPointer> inlined;
            append_jaxprs(parameter, inlined);
            for (const JaxprPointer& pointer : inlined) pending.push_back(pointer.get());
            continue;
          }
          collect_words(parameter, taken);
          std::vector<JaxprPointer> named;
          append_jaxprs(parameter, named);
          for (const JaxprPointer& pointer : named) {
            if (++uses[pointer.get()] > 1) continue;
            found.emplace_back(pointer.get(), proposed_name(equation));
            pending.push_back(pointer.get());
          }
        }
      }
    }
    for (const auto& [pointer, proposed] : found) {
      if (uses[pointer] == 1) continue;
      std::string name = proposed;
      for (std::size_t i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}{}", proposed, i);
      shared_names_.emplace(pointer, name);
      shared_.emplace_back(pointer, name);
    }
  }

  /// Every word that could be read as the name of a let.
  static void collect_words(const Parameter& parameter, std::set<std::string>& words) {
    if (const auto* symbol = std::get_if<Parameter::Symbol>(&parameter.value)) collect_words(symbol->text, words);
    if (const auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) {
      for (const Parameter& item : tuple->items) collect_words(item, words);
    }
    if (const auto* list = std::get_if<Parameter::List>(&parameter.value)) {
      for (const Parameter& item : list->items) collect_words(item, words);
    }
    if (const auto* call = std::get_if<Parameter::Call>(&parameter.value)) {
      collect_words(call->name, words);
      for (const auto& [key, argument] : call->arguments) collect_words(argument, words);
    }
  }

  static void collect_words(std::string_view text, std::set<std::string>& words) {
    const auto* place = text.begin();
    while (place != text.end()) {
      const auto* const begin = std::find_if(place, text.end(), is_word_start);
      place = std::find_if_not(begin, text.end(), is_word_part);
      if (begin != place) words.emplace(begin, place);
    }
  }

  /// The equation's name where it is a plain word, as JAX does.
  static std::string proposed_name(const Equation& equation) {
    const Parameter* const parameter = equation.parameters.find("name");
    const auto* const symbol = parameter == nullptr ? nullptr : std::get_if<Parameter::Symbol>(&parameter->value);
    if (symbol == nullptr || symbol->text.empty() || !is_word_start(symbol->text.front()) ||
        !std::all_of(symbol->text.begin(), symbol->text.end(), is_word_part) || symbol->text == "True" ||
        symbol->text == "False" || symbol->text == "None" || is_reserved(symbol->text)) {
      return "jaxpr";
    }
    return symbol->text;
  }

  // The grammar ----------------------------------------------------------------------------------------

  void print_jaxpr(const Jaxpr& jaxpr) {
    const Names names(jaxpr);
    append("{{ lambda ");
    print_binders(jaxpr, names, jaxpr.constants);
    append("; ");
    print_binders(jaxpr, names, jaxpr.inputs);
    // JAX prints no blank before the dot.
    if (!jaxpr.inputs.empty()) text_.pop_back();
    append(". let");
    indent_ += 2;
    for (const Equation& equation : jaxpr.equations) {
      // Without binders, a primitive's name could be one more operand.
      if (equation.outputs.empty() && &equation != &jaxpr.equations.front()) append(";");
      new_line();
      print_equation(jaxpr, names, equation);
    }
    --indent_;
    new_line();
    append("in (");
    for (std::size_t i = 0; i < jaxpr.outputs.size(); ++i) {
      if (i > 0) append(", ");
      print_atom(names, jaxpr.outputs[i]);
    }
    append("{}) }}", jaxpr.outputs.size() == 1 ? "," : "");
    --indent_;
  }

  void print_binders(const Jaxpr& jaxpr, const Names& names, const std::vector<Variable>& variables) {
    for (const Variable variable : variables) append("{}:{} ", names.of(variable), to_string(jaxpr.type(variable)));
  }

  void print_equation(const Jaxpr& jaxpr, const Names& names, const Equation& equation) {
    print_binders(jaxpr, names, equation.outputs);
    append("{}{}", equation.outputs.empty() ? "" : "= ", name(equation.primitive));
    print_parameters(equation.parameters);
    for (const Atom& input : equation.inputs) {
      append(" ");
      print_atom(names, input);
    }
  }

  void print_parameters(const Parameters& parameters) {
    if (parameters.entries.empty()) return;
    bool has_jaxpr = false;
    for (const auto& [key, parameter] : parameters.entries) {
      std::vector<JaxprPointer> jaxprs;
      append_jaxprs(parameter, jaxprs);
      has_jaxpr |= !jaxprs.empty();
    }
    const bool is_broken = has_jaxpr && !elide_;
    append("[");
    ++indent_;
    bool is_first = true;
    for (const auto& [key, parameter] : parameters.entries) {
      if (is_broken) {
        new_line();
      } else if (!is_first) {
        append(" ");
      }
      is_first = false;
      append("{}=", key);
      print_value(parameter, may_name_jaxpr(key));
    }
    --indent_;
    if (is_broken) new_line();
    append("]");
  }

  void print_atom(const Names& names, const Atom& atom) {
    if (const auto* variable = std::get_if<Variable>(&atom)) {
      append("{}", names.of(*variable));
      return;
    }
    const auto& literal = std::get<Literal>(atom);
    std::visit(
        [this]<typename T>(const T& value) {
          if constexpr (std::is_same_v<T, Literal::Opaque>) {
            append("[...]");
          } else {
            print_scalar(value);
          }
        },
        literal.value);
    append(":{}", to_string(literal.type));
  }

  template <typename T>
  void print_scalar(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      append("{}", value ? "True" : "False");
    } else if constexpr (std::is_same_v<T, double>) {
      append("{}", real_text(value));
    } else if constexpr (std::is_same_v<T, std::complex<double>>) {
      append("{}", complex_text(value));
    } else {
      append("{}", value);
    }
  }

  void print_value(const Parameter& parameter, bool by_name) {
    std::visit(
        [&]<typename T>(const T& value) {
          if constexpr (std::is_same_v<T, Parameter::None>) {
            append("None");
          } else if constexpr (std::is_same_v<T, Parameter::Symbol>) {
            append("{}", value.text);
          } else if constexpr (std::is_same_v<T, Parameter::Tuple>) {
            print_items('(', value.items, ')', by_name);
          } else if constexpr (std::is_same_v<T, Parameter::List>) {
            print_items('[', value.items, ']', by_name);
          } else if constexpr (std::is_same_v<T, Parameter::Call>) {
            print_call(value, by_name);
          } else if constexpr (std::is_same_v<T, JaxprPointer>) {
            print_sub_jaxpr(value, by_name);
          } else {
            print_scalar(value);
          }
        },
        parameter.value);
  }

  void print_items(char open, const std::vector<Parameter>& items, char close, bool by_name) {
    bool all_jaxprs = open == '(' && !items.empty() && !elide_;
    for (const Parameter& item : items) all_jaxprs = all_jaxprs && std::holds_alternative<JaxprPointer>(item.value);
    text_ += open;
    ++indent_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (all_jaxprs) {
        new_line();
      } else if (i > 0) {
        append(", ");
      }
      print_value(items[i], by_name);
    }
    --indent_;
    if (all_jaxprs) new_line();
    if (!all_jaxprs && open == '(' && items.size() == 1) text_ += ',';
    text_ += close;
  }

  void print_call(const Parameter::Call& call, bool by_name) {
    const bool is_dict = call.name == "{}";
    append("{}", is_dict ? "{" : call.name + "(");
    bool is_first = true;
    for (const auto& [key, argument] : call.arguments) {
      if (!is_first) append(", ");
      is_first = false;
      if (!key.empty()) append("{}{}", key, is_dict ? ": " : "=");
      print_value(argument, by_name);
    }
    append("{}", is_dict ? "}" : ")");
  }

  void print_sub_jaxpr(const JaxprPointer& jaxpr, bool by_name) {
    if (jaxpr == nullptr) {
      append("None");
      return;
    }
    if (elide_) {
      append("{{...}}");
      return;
    }
    const auto shared = shared_names_.find(jaxpr.get());
    if (by_name && shared != shared_names_.end()) {
      append("{}", shared->second);
    } else {
      print_jaxpr(*jaxpr);
    }
  }

  bool elide_;
  std::string text_;
  std::size_t indent_ = 0;
  std::vector<std::pair<const Jaxpr*, std::string>> shared_;
  std::unordered_map<const Jaxpr*, std::string> shared_names_;
};

}  // namespace

std::string print(const Jaxpr& jaxpr) {
  return Printer(false).program(jaxpr);
}

std::string describe(const Jaxpr& jaxpr, const Equation& equation) {
  std::string text = Printer(true).equation_text(jaxpr, equation);
  if (equation.location.line == 0) return text;
  return fmt::format("line {}:{}: {}", equation.location.line, equation.location.column, text);
}

}  // namespace jaxc::ir
