#pragma once

#include <gtest/gtest.h>

#include "sim/cluster.h"

namespace segw::sim {

// A cluster whose checkers must be silent at the end.
class Scenario : public testing::Test {
 protected:
  void make(const ClusterOptions& options = {}, uint64_t seed = 1) {
    cluster_ = std::make_unique<Cluster>(seed, options);
  }
  Cluster& converged(const ClusterOptions& options = {}, uint64_t seed = 1) {
    make(options, seed);
    EXPECT_TRUE(cluster_->converge()) << cluster_->report();
    return *cluster_;
  }
  Cluster& cluster() { return *cluster_; }
  void TearDown() override {
    if (cluster_) {
      EXPECT_TRUE(cluster_->violations().empty()) << cluster_->report();
    }
  }

  // Probes that got no echo, with what is under way let through.
  uint64_t lost() {
    cluster_->client().set_probes(false);
    cluster_->run_for(std::chrono::milliseconds(200));
    cluster_->client().set_probes(true);
    return cluster_->client().counts().probes - cluster_->client().counts().echoes;
  }

 private:
  std::unique_ptr<Cluster> cluster_;
};

}  // namespace segw::sim
