@NullMarked
package dev.cloister.isolation.local.cgroup;

import org.jspecify.annotations.NullMarked;
