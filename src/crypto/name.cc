// X.501 names as DER and as text.
#include <fmt/format.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>

#include "crypto/certificate.h"
#include "crypto/openssl_objects.h"

namespace segw::crypto {
namespace {

constexpr std::array<std::string_view, 12> kAttributes = {
    "C", "ST", "L", "O", "OU", "CN", "SN", "GN", "DC", "UID", "emailAddress", "serialNumber"};

Owned<X509_NAME> decode(ByteView name) {
  if (name.empty() || name.size() > kNameMax) return nullptr;
  const unsigned char* at = name.data();
  Owned<X509_NAME> decoded(d2i_X509_NAME(nullptr, &at, long_size(name)));
  if (!decoded || at != name.data() + name.size()) return nullptr;
  return decoded;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The parts between commas, `\,` being none.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      parts.back().push_back(text[++i]);
    } else if (text[i] == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(text[i]);
    }
  }
  return parts;
}

}  // namespace

bool same_name(ByteView a, ByteView b) {
  const QuietErrors quiet;
  const auto first = decode(a);
  const auto second = decode(b);
  return first && second && X509_NAME_cmp(first.get(), second.get()) == 0;
}

std::string name_text(ByteView name) {
  const QuietErrors quiet;
  const auto decoded = decode(name);
  if (!decoded) return "";
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  constexpr unsigned long kFlags = XN_FLAG_ONELINE & ~static_cast<unsigned long>(XN_FLAG_SPC_EQ);
  if (X509_NAME_print_ex(out.get(), decoded.get(), 0, kFlags) < 0) return "";
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(std::max(size, 0L))};
}

Result<Bytes> parse_name(std::string_view text) {
  const QuietErrors quiet;
  const Owned<X509_NAME> name(X509_NAME_new());
  for (const std::string& part : split(text)) {
    const size_t equals = part.find('=');
    const std::string attribute(trimmed(std::string_view(part).substr(0, equals)));
    if (equals == std::string::npos ||
        std::ranges::find(kAttributes, attribute) == kAttributes.end()) {
      return failure("a name like C=DE, O=Example, CN=site 1 expected; not understood: " + part);
    }
    const std::string value(trimmed(std::string_view(part).substr(equals + 1)));
    const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
    if (value.empty() ||
        X509_NAME_add_entry_by_txt(name.get(), attribute.c_str(), MBSTRING_UTF8, bytes,
                                   static_cast<int>(value.size()), -1, 0) != 1) {
      return failure(fmt::format("not a value of {}: {}", attribute, value));
    }
  }
  Bytes der = der_of(i2d_X509_NAME, static_cast<const X509_NAME*>(name.get()));
  if (der.size() > kNameMax) return failure("the name is too long");
  return der;
}

}  // namespace segw::crypto
