#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace segw::config {

struct Token {
  enum class Kind : uint8_t {
    Word,      // bare
    Text,      // "quoted"
    Open,      // {
    Close,     // }
    ListOpen,  // [
    ListClose,
    EndOfLine,
    End,
    Bad,  // text says why
  } kind = Kind::End;
  std::string text;
  unsigned line = 1, column = 1;
};

// Cuts MD-CLI text, UTF-8, into tokens. A # begins a comment where a token could begin.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) { advance(); }
  [[nodiscard]] const Token& peek() const { return ahead_; }
  Token next() {
    Token token = std::exchange(ahead_, Token{});
    advance();
    return token;
  }

 private:
  void advance();
  void skip_blanks();
  Token quoted();
  Token bare();
  char take();

  std::string_view text_;
  size_t at_ = 0;
  unsigned line_ = 1, column_ = 1;
  Token ahead_;
};

// The value as it must be written to be read back: bare where possible.
[[nodiscard]] std::string quote(std::string_view value);

}  // namespace segw::config
