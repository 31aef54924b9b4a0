#pragma once

// What must be configured alike on the chassis of a group, as digests: MCS does not synchronise
// configurations, it tells where they differ. Pure data.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace segw::mcs {

struct ConfigSetting {
  std::string path;     // /configure/ipsec/ike-policy[id=1]/dpd/interval
  uint64_t digest = 0;  // of its value
};

struct ConfigPart {
  std::string path;                                      // /configure/ipsec/ike-policy[id=1]
  uint64_t digest = 0;                                   // of all its settings
  std::function<std::vector<ConfigSetting>()> settings;  // by path; made when they are asked for
};

class SharedConfig {
 public:
  SharedConfig() = default;
  // In any order; of two with one path the second is left out.
  explicit SharedConfig(std::vector<ConfigPart> parts);

  [[nodiscard]] uint64_t digest() const { return digest_; }                      // of all
  [[nodiscard]] const std::vector<ConfigPart>& parts() const { return parts_; }  // by path
  // Null: there is no such part.
  [[nodiscard]] const ConfigPart* find(std::string_view path) const;

 private:
  std::vector<ConfigPart> parts_;
  uint64_t digest_ = 0;
};

// What one chassis knows of another's.
struct ConfigComparison {
  enum class Result : uint8_t {
    Unknown,  // not told yet, or by a release that does not tell
    Equal,
    Differs,
  } result = Result::Unknown;
  // Of Differs: at most kDifferencesMax, and whether there are further ones.
  std::vector<std::string> paths;
  bool more = false;
  bool operator==(const ConfigComparison&) const = default;
};

constexpr size_t kDifferencesMax = 16;

}  // namespace segw::mcs
