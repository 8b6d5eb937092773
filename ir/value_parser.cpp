// ValueParser: Python's literals, and a fallback that keeps any other text as it is.
#include "ir/value_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace jaxc::ir {
namespace {

/// Keys whose value is one jaxpr whenever it is a word.
bool is_jaxpr(std::string_view key) {
  constexpr std::array<std::string_view, 5> keys = {"jaxpr", "call_jaxpr", "fun_jaxpr", "cond_jaxpr", "body_jaxpr"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Parameter symbol(std::string_view text) {
  return {Parameter::Symbol{std::string(text)}};
}

std::string_view unquoted(std::string_view text) {
  const bool is_quoted =
      text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front();
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

/// The numpy name of a dtype written as jax.numpy.float32, numpy.bool_ or float32; nothing for other text.
std::optional<Parameter> dtype_symbol(std::string_view text) {
  text = text.substr(text.rfind('.') + 1);
  if (text.ends_with('_')) text.remove_suffix(1);
  const std::optional<DType> dtype = dtype_from_name(text);
  if (!dtype || *dtype == DType::key) return std::nullopt;  // key<fry> is no word
  return symbol(numpy_name(*dtype));
}

/// A constant of Python, or a symbol.
Parameter word_value(std::string_view word) {
  if (word == "None") return {Parameter::None{}};
  if (word == "True" || word == "np.True_") return {true};
  if (word == "False" || word == "np.False_") return {false};
  return symbol(word);
}

/// Whether words with a dot between each two are all there is.
bool is_dotted_word(std::string_view text) {
  return text.find('.') != std::string_view::npos && text.find("..") == std::string_view::npos && text.back() != '.' &&
         is_word_start(text.front()) && std::all_of(text.begin(), text.end(), [](char character) {
           return is_word_part(character) || character == '.';
         });
}

/// <class 'jax.numpy.float32'> is a dtype; <Enum.MEMBER: 1> is Enum.MEMBER; anything else is its text.
Parameter angled_value(std::string_view text) {
  constexpr std::string_view class_start = "<class ";
  if (text.starts_with(class_start)) {
    const std::string_view name = unquoted(text.substr(class_start.size(), text.size() - class_start.size() - 1));
    if (const auto dtype = dtype_symbol(name)) return *dtype;
  }
  const std::size_t colon = text.find(": ");
  if (colon != std::string_view::npos) {
    const std::string_view member = text.substr(1, colon - 1);
    if (is_dotted_word(member)) return word_value(member);
  }
  return symbol(text);
}

/// np.int64(2) is 2, np.float32(0.5) is 0.5, np.bool_(True) is True, dtype('float32') is float32.
Parameter simplified_call(Parameter::Call call) {
  if (call.arguments.size() == 1 && call.arguments[0].key.empty()) {
    const Parameter& argument = call.arguments[0].value;
    const std::string_view name = std::string_view(call.name).substr(call.name.rfind('.') + 1);
    if (const auto* const text = std::get_if<Parameter::Symbol>(&argument.value); text != nullptr && name == "dtype") {
      if (const auto dtype = dtype_symbol(unquoted(text->text))) return *dtype;
    }
    const bool is_number =
        std::holds_alternative<bool>(argument.value) || std::holds_alternative<std::int64_t>(argument.value) ||
        std::holds_alternative<std::uint64_t>(argument.value) || std::holds_alternative<double>(argument.value) ||
        std::holds_alternative<std::complex<double>>(argument.value);
    if (is_number && dtype_symbol(name)) return argument;
  }
  return {std::move(call)};
}

class ValueParser {
 public:
  ValueParser(Lexer& lexer, ProgramReader& programs, std::string_view key)
      : lexer_(lexer), programs_(programs), key_(key), may_name_jaxpr_(may_name_jaxpr(key)) {}

  Parameter parse() {
    lexer_.skip_blank();
    const std::size_t start = lexer_.offset();
    if (key_ != "name") {
      std::optional<Parameter> value = at_end() ? symbol("") : read_value();
      if (value && at_end()) return checked(std::move(*value), start);
      if (has_jaxpr_) {
        lexer_.fail_expecting("']' or another parameter after {}", key_);
      }
      lexer_.seek(start);
    }
    Parameter text = read_text();
    if (std::get<Parameter::Symbol>(text.value).text == "None") return {Parameter::None{}};
    return text;
  }

 private:
  /// Whether a word and "=" come next.
  bool at_key() const {
    const std::size_t size = lexer_.word_here().size();
    return size > 0 && lexer_.at(size) == '=' && lexer_.at(size + 1) != '=';
  }

  bool at_end() {
    const char next = lexer_.peek();
    return next == ']' || next == ',' || at_key();
  }

  Parameter checked(Parameter value, std::size_t start) {
    const auto* const text = std::get_if<Parameter::Symbol>(&value.value);
    if (text != nullptr && is_jaxpr(key_) && !text->text.empty() && is_word_start(text->text.front())) {
      lexer_.fail_at(start, "no let defines the jaxpr {}", text->text);
    }
    return value;
  }

  std::optional<Parameter> read_value() {
    const char next = lexer_.peek();
    switch (next) {
      case '{':
        return at_program() ? read_program() : read_dict();
      case '(':
        if (const auto number = lexer_.take_number()) return number_value(*number);
        return read_items<Parameter::Tuple>(')');
      case '[':
        return read_items<Parameter::List>(']');
      case '<':
        return angled_value(read_angled());
      case '\'':
      case '"':
        if (const auto text = lexer_.take_string()) return symbol(*text);
        return std::nullopt;
      case '*':
        lexer_.take('*');
        return symbol("*");
      default:
        break;
    }
    if (const auto number = lexer_.take_number()) return number_value(*number);
    return is_word_start(next) ? read_word() : std::nullopt;
  }

  static Parameter number_value(const Number& number) {
    return std::visit([](const auto& value) { return Parameter{value}; }, number);
  }

  std::optional<Parameter> read_word() {
    if (lexer_.word_here() == "let" && at_program()) return read_program();
    if (may_name_jaxpr_) {
      if (JaxprPointer jaxpr = programs_.take_let()) {
        has_jaxpr_ = true;
        return Parameter{std::move(jaxpr)};
      }
    }
    const std::string_view word = lexer_.take_dotted_word();
    if (lexer_.current() == '(') return read_call(word);
    return word_value(word);
  }

  /// Whether "{ lambda" or "let NAME = {" comes next.
  bool at_program() {
    const std::size_t start = lexer_.offset();
    bool is_program = false;
    if (lexer_.take('{')) {
      is_program = lexer_.take_keyword("lambda");
    } else if (lexer_.take_keyword("let")) {
      is_program = lexer_.take_let_name().has_value();
    }
    lexer_.seek(start);
    return is_program;
  }

  Parameter read_program() {
    has_jaxpr_ = true;
    return {programs_.read_program()};
  }

  template <typename Sequence>
  std::optional<Parameter> read_items(char close) {
    const Nesting nesting(programs_.depth, lexer_);
    lexer_.seek(lexer_.offset() + 1);
    Sequence sequence;
    while (!lexer_.take(close)) {
      std::optional<Parameter> item = read_value();
      if (!item) return std::nullopt;
      // JAX separates jaxprs by blanks, anything else by commas.
      const bool is_jaxpr = std::holds_alternative<JaxprPointer>(item->value);
      sequence.items.push_back(std::move(*item));
      if (!lexer_.take(',') && lexer_.peek() != close && !is_jaxpr) return std::nullopt;
    }
    return Parameter{std::move(sequence)};
  }

  std::optional<Parameter> read_call(std::string_view name) {
    const Nesting nesting(programs_.depth, lexer_);
    lexer_.seek(lexer_.offset() + 1);
    Parameter::Call call{std::string(name), {}};
    while (!lexer_.take(')')) {
      lexer_.skip_blank();
      std::string_view key;
      if (at_key()) {
        key = lexer_.take_word();
        lexer_.take('=');
      }
      std::optional<Parameter> value = read_value();
      if (!value) return std::nullopt;
      call.arguments.push_back({std::string(key), std::move(*value)});
      if (!lexer_.take(',') && lexer_.peek() != ')') return std::nullopt;
    }
    return simplified_call(std::move(call));
  }

  std::optional<Parameter> read_dict() {
    const Nesting nesting(programs_.depth, lexer_);
    lexer_.seek(lexer_.offset() + 1);
    Parameter::Call dict{"{}", {}};
    while (!lexer_.take('}')) {
      const char quote = lexer_.peek();
      const std::size_t start = lexer_.offset();
      if (quote == '\'' || quote == '"') {
        if (!lexer_.take_string()) return std::nullopt;
      } else if (!lexer_.take_number() && lexer_.take_dotted_word().empty()) {
        return std::nullopt;
      }
      const std::string_view key = lexer_.text_since(start);
      if (!lexer_.take(':')) return std::nullopt;
      std::optional<Parameter> value = read_value();
      if (!value) return std::nullopt;
      dict.arguments.push_back({std::string(key), std::move(*value)});
      if (!lexer_.take(',') && lexer_.peek() != '}') return std::nullopt;
    }
    return Parameter{std::move(dict)};
  }

  /// The text up to the "]" that ends the parameters or up to the next parameter; blanks become one.
  Parameter read_text() {
    lexer_.skip_blank();
    const std::size_t start = lexer_.offset();
    std::string text;
    std::string open;  // the closing brackets to come
    while (true) {
      const bool after_blank = skip_blank() || text.empty();
      const char next = lexer_.current();
      if (lexer_.at_end()) lexer_.fail_at(start, "the value of {} does not end", key_);
      if (open.empty() && (next == ']' || (after_blank && at_key()))) break;
      if (next == '(' || next == '[' || next == '{') open += next == '(' ? ')' : next == '[' ? ']' : '}';
      if (next == ')' || next == ']' || next == '}') {
        if (open.empty() || open.back() != next) lexer_.fail("'{}' closes nothing", next);
        open.pop_back();
      }
      take_piece(text, after_blank);
    }
    return symbol(text);
  }

  /// The text from "<" up to the ">" that closes it; blanks become one.
  std::string read_angled() {
    const std::size_t start = lexer_.offset();
    std::string text;
    std::size_t open = 0;
    do {
      const bool after_blank = skip_blank();
      if (lexer_.at_end()) lexer_.fail_at(start, "this '<' has no matching '>'");
      if (lexer_.current() == '<') ++open;
      if (lexer_.current() == '>') --open;
      take_piece(text, after_blank);
    } while (open > 0);
    return text;
  }

  /// Whether there were blanks or comments to skip.
  bool skip_blank() {
    const std::size_t start = lexer_.offset();
    lexer_.skip_blank();
    return lexer_.offset() != start;
  }

  /// Appends the string, word or character that comes next. A quote within a word is an apostrophe.
  void take_piece(std::string& text, bool after_blank) {
    if (after_blank && !text.empty()) text += ' ';
    const std::size_t start = lexer_.offset();
    const bool is_quote = lexer_.current() == '\'' || lexer_.current() == '"';
    if (is_quote && (text.empty() || !is_word_part(text.back()))) {
      if (!lexer_.take_string()) lexer_.fail("this string does not end on its line");
    } else if (lexer_.take_word().empty()) {
      lexer_.seek(start + 1);
    }
    text += lexer_.text_since(start);
  }

  Lexer& lexer_;
  ProgramReader& programs_;
  std::string_view key_;
  bool may_name_jaxpr_;
  bool has_jaxpr_ = false;  // text that holds a jaxpr is never kept as a symbol
};

}  // namespace

bool may_name_jaxpr(std::string_view key) {
  return key.find("jaxpr") != std::string_view::npos || key == "branches" || key == "computation" || key == "call";
}

Parameter parse_value(Lexer& lexer, ProgramReader& programs, std::string_view key) {
  return ValueParser(lexer, programs, key).parse();
}

}  // namespace jaxc::ir
