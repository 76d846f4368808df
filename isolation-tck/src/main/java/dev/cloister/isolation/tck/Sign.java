package dev.cloister.isolation.tck;

/** What an attack that gets through leaves to be seen. All but the last are seen from outside, whatever the attack says. */
public enum Sign {
    /** It printed a secret of the victim's that it could not know. */
    SECRET_SHOWN,
    /** Something of the victim's was changed, or something of the attacker's stands in the victim's tree. */
    TREE_CHANGED,
    /** A process of the victim's ended or stopped. */
    PROCESS_HARMED,
    /** A listener outside of the sandbox got the attacker's word. */
    WORD_RECEIVED,
    /** A process of the attacker's is there after its command ended. */
    PROCESS_LEFT,
    /** It printed {@code GAINED}, having seen for itself that it has what it wanted. */
    GAINED
}
