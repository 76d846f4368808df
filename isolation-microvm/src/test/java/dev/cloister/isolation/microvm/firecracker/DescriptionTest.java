package dev.cloister.isolation.microvm.firecracker;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.ObjectMapper;

/** The description refuses what Firecracker would: else it would prove nothing. */
class DescriptionTest {
    private static final Description DESCRIPTION = Description.read();

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "PUT /vsock | {} | missing field `guest_cid`",
                "PUT /vsock | {\"guest_cid\":2,\"uds_path\":\"v\"} | wrong value of `guest_cid`",
                "PUT /vsock | {\"guest_cid\":3,\"uds_path\":\"v\",\"port\":1} | unknown field `port`",
                "PUT /machine-config | {\"vcpu_count\":33,\"mem_size_mib\":1} | wrong value of `vcpu_count`",
                "PUT /machine-config | {\"vcpu_count\":1,\"mem_size_mib\":1.5} | wrong value of `mem_size_mib`",
                "PATCH /vm | {\"state\":\"Running\"} | wrong value of `state`",
                "PUT /entropy | [] | no EntropyDevice",
                "PUT /balloon | {\"amount_mib\":0,\"deflate_on_oom\":\"yes\"} | wrong type of `deflate_on_oom`",
                "PUT /snapshot/load | {\"snapshot_path\":\"s\",\"mem_backend\":{\"backend_type\":\"File\"}} | missing field `backend_path`",
            })
    void aBodyThatIsNotAsDescribedIsRefused(String name, String body, String wrong) {
        assertThat(DESCRIPTION.wrong(name, new ObjectMapper().readTree(body))).contains(wrong);
    }

    @Test
    void whatIsNotUsedIsNotDescribed() {
        assertThat(DESCRIPTION.name("PUT", "/network-interfaces/eth0")).isEmpty();
        assertThat(DESCRIPTION.name("PUT", "/mmds/config")).isEmpty();
        // An id has no hyphen.
        assertThat(DESCRIPTION.name("PUT", "/drives/disk-0")).isEmpty();
    }
}
