#include "chassis/key_export.h"

#include <fmt/format.h>

#include <algorithm>

#include "esp/algorithm.h"

namespace segw::chassis {
namespace {

// Names of version 4.0; empty where it has none. A line that it does not know makes it refuse all.
struct EncryptionName {
  esp::Encryption id;
  std::string_view esp;
  std::string_view ike;  // {}: the key size
};
struct IntegrityName {
  esp::Integrity id;
  std::string_view esp;
  std::string_view ike;
};
// NOLINTBEGIN(modernize-use-designated-initializers)
constexpr EncryptionName kEncryption[] = {
    {esp::Encryption::Null, "NULL", ""},
    {esp::Encryption::AesCbc, "AES-CBC [RFC3602]", "AES-CBC-{} [RFC3602]"},
    {esp::Encryption::AesGcm8, "AES-GCM with 8 octet ICV [RFC4106]",
     "AES-GCM-{} with 8 octet ICV [RFC5282]"},
    {esp::Encryption::AesGcm12, "AES-GCM with 12 octet ICV [RFC4106]",
     "AES-GCM-{} with 12 octet ICV [RFC5282]"},
    {esp::Encryption::AesGcm16, "AES-GCM with 16 octet ICV [RFC4106]",
     "AES-GCM-{} with 16 octet ICV [RFC5282]"},
};
constexpr IntegrityName kIntegrity[] = {
    {esp::Integrity::None, "NULL", "NONE [RFC4306]"},
    {esp::Integrity::HmacSha1_96, "HMAC-SHA-1-96 [RFC2404]", "HMAC_SHA1_96 [RFC2404]"},
    {esp::Integrity::AesXcbc_96, "ANY 96 bit authentication [no checking]",
     "ANY 96-bits of Authentication [No Checking]"},
    {esp::Integrity::HmacSha256_128, "HMAC-SHA-256-128 [RFC4868]", "HMAC_SHA2_256_128 [RFC4868]"},
    {esp::Integrity::HmacSha384_192, "HMAC-SHA-384-192 [RFC4868]", "HMAC_SHA2_384_192 [RFC4868]"},
    {esp::Integrity::HmacSha512_256, "HMAC-SHA-512-256 [RFC4868]", "HMAC_SHA2_512_256 [RFC4868]"},
};
// NOLINTEND(modernize-use-designated-initializers)

template <typename Row, size_t N, typename Id>
Row names_of(const Row (&table)[N], Id id) {
  const auto at = std::ranges::find(table, id, &Row::id);
  return at == std::end(table) ? Row{id, "", ""} : *at;
}

}  // namespace

std::string esp_line(const IpAddress& from, const IpAddress& to, Spi spi, const esp::Suite& suite,
                     const SecretBytes& key) {
  const EncryptionName cipher = names_of(kEncryption, suite.encryption);
  const IntegrityName integrity = names_of(kIntegrity, suite.integrity);
  if (cipher.esp.empty() || integrity.esp.empty()) return "";
  const size_t cipher_size = esp::algorithm(suite.encryption).key_size(suite.key_bits);
  const ByteView bytes = key.view();
  const ByteView cipher_key = bytes.first(std::min(cipher_size, bytes.size()));
  const ByteView integrity_key = bytes.subspan(cipher_key.size());
  const auto hex = [](ByteView part) { return part.empty() ? "" : "0x" + to_hex(part); };
  return fmt::format("\"{}\",\"{}\",\"{}\",\"0x{:08x}\",\"{}\",\"{}\",\"{}\",\"{}\"\n",
                     from.is_v4() ? "IPv4" : "IPv6", from.text(), to.text(), spi.value, cipher.esp,
                     hex(cipher_key), integrity.esp, hex(integrity_key));
}

std::string ike_line(const ike::IkeSa& sa) {
  const EncryptionName cipher = names_of(kEncryption, sa.suite.encryption);
  const IntegrityName integrity = names_of(kIntegrity, sa.suite.integrity);
  if (cipher.ike.empty() || integrity.ike.empty()) return "";
  return fmt::format("{:016x},{:016x},{},{},\"{}\",{},{},\"{}\"\n", sa.initiator_spi.value,
                     sa.responder_spi.value, to_hex(sa.keys.sk_ei.view()),
                     to_hex(sa.keys.sk_er.view()),
                     fmt::format(fmt::runtime(cipher.ike), sa.suite.key_bits),
                     to_hex(sa.keys.sk_ai.view()), to_hex(sa.keys.sk_ar.view()), integrity.ike);
}

}  // namespace segw::chassis
