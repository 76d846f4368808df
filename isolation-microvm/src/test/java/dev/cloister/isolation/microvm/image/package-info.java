@org.jspecify.annotations.NullMarked
package dev.cloister.isolation.microvm.image;
