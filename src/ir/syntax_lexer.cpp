// SPDX-License-Identifier: Apache-2.0
// Places in a text and its tokens: Python's rules for indentation, brackets, strings and numbers.
#include "ir/syntax.h"

#include <algorithm>

namespace tw::syntax {

Text::Text(std::string_view text, const Source& source) : text_(text), source_(source), lines_{0} {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') lines_.push_back(i + 1);
}

namespace {
bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }
int64_t count_code_points(std::string_view text) { return std::count_if(text.begin(), text.end(), starts_code_point); }
} // namespace

std::pair<int64_t, int64_t> Text::locate(size_t offset) const {
  offset = std::min(offset, text_.size());
  size_t line = std::upper_bound(lines_.begin(), lines_.end(), offset) - lines_.begin() - 1;
  int64_t column = count_code_points(text_.substr(lines_[line], offset - lines_[line]));
  return {source_.line + static_cast<int64_t>(line), column + source_.column};
}

std::string Text::show(size_t offset) const {
  constexpr size_t width = 140;
  offset = std::min(offset, text_.size());
  auto [line, column] = locate(offset);
  size_t start = *(std::upper_bound(lines_.begin(), lines_.end(), offset) - 1);
  size_t end = std::min(text_.find('\n', start), text_.size());
  size_t from = offset - start > width / 2 && end - start > width ? offset - width / 2 : start;
  while (from > start && !starts_code_point(text_[from])) --from;
  std::string shown(text_.substr(from, std::min(end - from, width)));
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  std::string file = source_.file.empty() ? "" : source_.file + ":";
  std::string blank(static_cast<size_t>(count_code_points(text_.substr(from, offset - from))), ' ');
  return fmt::format("{}{}:{}\n    {}\n    {}^", file, line, column, shown, blank);
}

void Text::fail(size_t offset, std::string message, std::string hint) const {
  Error error = user_error("{}", message);
  error.at(show(offset));
  if (!hint.empty()) throw std::move(error).hint(std::move(hint));
  throw error;
}

std::string describe(const Token& token) {
  switch (token.kind) {
  case TokenKind::newline: return "the end of the line";
  case TokenKind::indent: return "an indented line";
  case TokenKind::dedent: return "the end of the indented part";
  case TokenKind::end: return "the end of the text";
  case TokenKind::string: return token.text.size() <= 40 ? quote(token.text) : quote(token.text.substr(0, 40)) + "…";
  default: return "'" + (token.text.size() <= 40 ? token.text : token.text.substr(0, 40) + "…") + "'";
  }
}

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class Lexer {
public:
  explicit Lexer(const Text& source) : source_(source), text_(source.text()) {}

  std::vector<Token> run() {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;
    line_start();
    while (at_ < text_.size()) step();
    if (!brackets_.empty()) source_.fail(brackets_.back(), fmt::format("'{}' is never closed", text_[brackets_.back()]));
    if (line_has_tokens_) add(TokenKind::newline, at_, 0);
    for (size_t i = 1; i < indents_.size(); ++i) add(TokenKind::dedent, at_, 0);
    add(TokenKind::end, at_, 0);
    return std::move(tokens_);
  }

private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Token& add(TokenKind kind, size_t at, size_t length) {
    if (static_cast<int64_t>(tokens_.size()) > 2 * max_text_nodes) source_.fail(at, "the text is too large");
    tokens_.push_back({.kind = kind, .at = at, .length = length, .text = std::string(text_.substr(at, length)), .note = {}});
    return tokens_.back();
  }

  void step() {
    char c = peek();
    if (c == '\n') return end_line({});
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f') return void(++at_);
    if (c == '#') return comment();
    if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) return void(at_ += peek(1) == '\n' ? 2 : 3);
    line_has_tokens_ = true;
    if (is_letter(c)) return name();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return string();
    op();
  }

  void comment() {
    size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view text = text_.substr(at_, end - at_);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    at_ = end;
    if (text.starts_with("#@") && line_has_tokens_ && brackets_.empty()) end_line(text.substr(2));
  }

  void end_line(std::string_view note) {
    if (!brackets_.empty()) return void(++at_);
    if (line_has_tokens_) add(TokenKind::newline, at_, 0).note = note;
    line_has_tokens_ = false;
    if (at_ < text_.size()) ++at_;
    line_start();
  }

  // Measures the indentation of the next line that holds more than a comment.
  void line_start() {
    size_t start = at_;
    while (peek() == ' ') ++at_;
    if (peek() == '\t') source_.fail(at_, "a tab in the indentation", "indent by spaces");
    if (at_ == text_.size() || peek() == '\n' || peek() == '\r' || peek() == '#' || peek() == '\f') return;
    size_t width = at_ - start;
    if (width > indents_.back()) {
      indents_.push_back(width);
      add(TokenKind::indent, at_, 0);
    }
    while (width < indents_.back()) {
      indents_.pop_back();
      add(TokenKind::dedent, at_, 0);
      if (width > indents_.back()) source_.fail(at_, "the indentation matches no line above");
    }
  }

  void name() {
    size_t start = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    add(TokenKind::name, start, at_ - start);
  }

  void number() {
    size_t start = at_;
    bool real = false;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      while (hex_value(peek()) >= 0) ++at_;
    } else {
      auto digits = [&] {
        while (is_digit(peek()) || (peek() == '_' && is_digit(peek(1)))) ++at_;
      };
      digits();
      if (peek() == '.') {
        real = true;
        ++at_;
        digits();
      }
      size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
        real = true;
        at_ += 1 + sign;
        digits();
      }
    }
    if (is_letter(peek()) || (real && peek() == '.'))
      source_.fail(at_, fmt::format("a number is followed by '{}'", peek()), "put a space or an operator between them");
    Token& token = add(real ? TokenKind::real : TokenKind::integer, start, at_ - start);
    std::erase(token.text, '_');
  }

  void string() {
    size_t start = at_;
    char q = peek();
    bool triple = peek(1) == q && peek(2) == q;
    at_ += triple ? 3 : 1;
    std::string contents;
    while (true) {
      if (at_ >= text_.size() || (!triple && peek() == '\n')) source_.fail(start, "the string is never closed");
      if (peek() == q && (!triple || (peek(1) == q && peek(2) == q))) break;
      if (peek() == '\\') contents += escape();
      else contents += text_[at_++];
    }
    at_ += triple ? 3 : 1;
    add(TokenKind::string, start, at_ - start).text = std::move(contents);
  }

  std::string escape() {
    size_t start = at_++;
    char c = peek();
    ++at_;
    switch (c) {
    case 'n': return "\n";
    case 't': return "\t";
    case 'r': return "\r";
    case '\\': return "\\";
    case '"': return "\"";
    case '\'': return "'";
    case '\n': return "";
    case 'x':
      if (hex_value(peek()) >= 0 && hex_value(peek(1)) >= 0) {
        char value = static_cast<char>(hex_value(peek()) * 16 + hex_value(peek(1)));
        at_ += 2;
        return std::string(1, value);
      }
      break;
    default: break;
    }
    source_.fail(start, "an unknown escape in a string", "known are \\n \\t \\r \\\\ \\\" \\' \\xNN");
  }

  void op() {
    static constexpr std::string_view known[] = {"**", "//", "<<", ">>", "<=", ">=", "==", "!=", "->", "+", "-", "*", "/", "%", "&", "|",
                                                 "^",  "~",  "<",  ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ",", ":", ".", "@", ";"};
    for (std::string_view symbol : known)
      if (text_.substr(at_, symbol.size()) == symbol) {
        add(TokenKind::op, at_, symbol.size());
        bracket(symbol[0]);
        at_ += symbol.size();
        return;
      }
    auto c = static_cast<unsigned char>(peek());
    source_.fail(at_,
                 c >= 0x21 && c < 0x7f ? fmt::format("unexpected character '{}'", peek()) : fmt::format("unexpected byte 0x{:02x}", c));
  }

  void bracket(char c) {
    if (c == '(' || c == '[' || c == '{') brackets_.push_back(at_);
    if (c != ')' && c != ']' && c != '}') return;
    if (brackets_.empty()) source_.fail(at_, fmt::format("'{}' closes nothing", c));
    char open = text_[brackets_.back()];
    char wanted = open == '(' ? ')' : open == '[' ? ']' : '}';
    if (c != wanted) source_.fail(at_, fmt::format("expected '{}' to close '{}', found '{}'", wanted, open, c));
    brackets_.pop_back();
  }

  const Text& source_;
  std::string_view text_;
  size_t at_ = 0;
  bool line_has_tokens_ = false;
  std::vector<size_t> brackets_, indents_{0};
  std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokenize(const Text& text) { return Lexer(text).run(); }

} // namespace tw::syntax
